import type { BrokerRecipe } from './catalogue.ts'
import { type Environment, variable } from './environment.ts'

export type ImageChoice =
  /** Named by the environment: this one or none. */
  | { readonly kind: 'override'; readonly image: string; readonly variable: string }
  /** What a user would run in production; where it cannot be pulled, a stand-in is built. */
  | { readonly kind: 'default'; readonly official: string; readonly standIn: string }

export function chooseImage(recipe: BrokerRecipe, environment: Environment): ImageChoice {
  const name = variable(recipe.name, 'IMAGE')
  const image = environment[name]
  if (image !== undefined && image !== '') return { kind: 'override', image, variable: name }
  return { kind: 'default', official: recipe.officialImage, standIn: `busbar/${recipe.name}` }
}

/**
 * Whether a failed pull says that the registry as a whole is out of reach (no name, no route, a refused or broken
 * connection, too many pulls) rather than that it lacks this image: then asking it for the next image is no use.
 */
export function registryOutOfReach(message: string): boolean {
  return /no such host|server misbehaving|dial tcp|timeout|timed out|deadline|refused|unreachable|x509|certificate|\bEOF\b|toomanyrequests|no answer/i.test(
    message,
  )
}
