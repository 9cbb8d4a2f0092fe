/** What a rule makes of an error: try again, dead-letter at once, or acknowledge and count it. */
export type Classification = 'retry' | 'dead-letter' | 'ignore'

/**
 * Matches an error when every matcher given holds for it, or for one error along its chain of `cause`s. A rule
 * without matchers matches everything, so that a last rule can replace the default, which is `retry`.
 */
export interface ClassifyRule {
  /** A class it is an instance of. */
  readonly error?: abstract new (
    ...args: never[]
  ) => unknown
  /** One of these in `error.code`. */
  readonly code?: string | number | readonly (string | number)[]
  /** One of these in `error.name`. */
  readonly name?: string | readonly string[]
  /** Anything else. One that throws counts as no match, and what it threw goes to the bus's `onError`. */
  readonly when?: (error: unknown) => boolean
  readonly to: Classification
}

/** Longer chains of causes are most likely cycles. */
const CHAIN_LIMIT = 16

/**
 * What the first matching rule says, or `retry`.
 * @param onError is told what a predicate threw.
 */
export function classify(
  rules: readonly ClassifyRule[],
  error: unknown,
  onError: (error: unknown) => void,
): { readonly to: Classification; readonly matched: boolean } {
  for (const rule of rules) {
    if (matchesChain(rule, error, onError)) return { to: rule.to, matched: true }
  }
  return { to: 'retry', matched: false }
}

function matchesChain(rule: ClassifyRule, error: unknown, onError: (error: unknown) => void): boolean {
  let link = error
  for (let depth = 0; depth < CHAIN_LIMIT; depth++) {
    try {
      if (matchesLink(rule, link)) return true
    } catch (thrown) {
      onError(thrown)
      return false
    }
    if (typeof link !== 'object' || link === null) return false
    link = (link as { cause?: unknown }).cause
    if (link === undefined || link === null) return false
  }
  return false
}

function matchesLink(rule: ClassifyRule, error: unknown): boolean {
  if (rule.error !== undefined && !(error instanceof rule.error)) return false
  const fields: { code?: unknown; name?: unknown } = typeof error === 'object' && error !== null ? error : {}
  if (rule.code !== undefined && !includes(rule.code, fields.code)) return false
  if (rule.name !== undefined && !includes(rule.name, fields.name)) return false
  return rule.when === undefined || rule.when(error)
}

const includes = (wanted: unknown, value: unknown): boolean =>
  Array.isArray(wanted) ? wanted.includes(value) : wanted === value
