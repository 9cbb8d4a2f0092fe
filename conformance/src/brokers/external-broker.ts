import type { BrokerRecipe } from './catalogue.ts'
import { variable } from './environment.ts'
import { untilReady } from './readiness.ts'
import { BrokerSetupError } from './setup-error.ts'
import type { StartedBroker } from './started-broker.ts'

/** The broker at a URL from the environment, once it answers. */
export async function externalBroker(
  recipe: BrokerRecipe,
  url: URL,
  timeoutMs: number,
): Promise<StartedBroker> {
  const version = (await untilReady(recipe, url, timeoutMs)) ?? 'unknown'
  const refuse = async (): Promise<never> => {
    throw new BrokerSetupError(
      `${recipe.title} is named by ${variable(recipe.name, 'URL')}, and not ours to stop or start`,
    )
  }
  return {
    url: url.href,
    version,
    image: undefined,
    adminUrl: undefined,
    portOf: inside => (inside === recipe.port ? Number(url.port || recipe.port) : inside),
    controllable: false,
    restart: refuse,
    stop: refuse,
    start: refuse,
    kill: refuse,
    pause: refuse,
    resume: refuse,
    logs: refuse,
    exec: refuse,
    remove: refuse,
  }
}
