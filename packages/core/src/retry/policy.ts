import { type Issue, issuesError } from '../errors/bus-error.ts'
import { optionIssues } from '../options/index.ts'
import type { Backoff } from './backoff.ts'
import { DEFAULT_BUDGET, type RetryBudgetOptions } from './budget.ts'
import type { ClassifyRule } from './classify.ts'
import { backoffIssues, retryPolicySpec } from './policy-spec.ts'

/**
 * When a failed event is handled again, and when it is given up for the dead-letter queue. Set it on the bus, on a
 * subscription and on a contract: of each field the nearest to the event counts (contract, then subscription, then
 * bus, then the default); fields are replaced whole.
 */
export interface RetryPolicyInput {
  /**
   * How often a handler is started for one event, in total; 1 means no retry. Default 5: with the default backoff
   * the last one starts at most 7.5 s after the first, which outlasts a restart or a failover but not an outage;
   * for those raise it, or use a kill switch.
   */
  readonly attempts?: number
  /**
   * Milliseconds from the first failure after which no further attempt is planned. Default `Infinity`: attempts
   * alone decide.
   */
  readonly maxElapsed?: number
  /**
   * Default: exponential from 500 ms to 60 s with full jitter, which is what brings back a crowd of failures with
   * the least pressure at any one time.
   */
  readonly backoff?: Backoff
  /** First match wins; what matches none is retried. Default none. */
  readonly classify?: readonly ClassifyRule[]
  /** A limit on all retries of the subscription together. Default `false`: none. */
  readonly budget?: RetryBudgetOptions | false
}

/** A policy with nothing left open. Made by {@link resolvePolicy} alone. */
export interface ResolvedPolicy {
  readonly attempts: number
  readonly maxElapsed: number
  readonly backoff: Backoff
  readonly classify: readonly ClassifyRule[]
  readonly budget: Readonly<Required<RetryBudgetOptions>> | false
}

export const DEFAULT_POLICY: ResolvedPolicy = Object.freeze({
  attempts: 5,
  maxElapsed: Number.POSITIVE_INFINITY,
  backoff: Object.freeze({ kind: 'exponential', initial: 500, factor: 2, max: 60_000, jitter: 'full' }),
  classify: Object.freeze([]),
  budget: false,
})

/**
 * One policy from several layers, the nearest to the event last. Absent layers are skipped.
 * @throws BusError INVALID_OPTIONS with every problem of every layer, as `retry.backoff.initial`.
 */
export function resolvePolicy(...layers: readonly (RetryPolicyInput | undefined)[]): ResolvedPolicy {
  const issues = layers.flatMap(layer => (layer === undefined ? [] : retryIssues(layer)))
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', 'retry policy', issues)
  const merged: { -readonly [K in keyof ResolvedPolicy]: ResolvedPolicy[K] } = { ...DEFAULT_POLICY }
  for (const layer of layers) {
    if (layer === undefined) continue
    merged.attempts = layer.attempts ?? merged.attempts
    merged.maxElapsed = layer.maxElapsed ?? merged.maxElapsed
    merged.backoff = layer.backoff === undefined ? merged.backoff : frozenBackoff(layer.backoff)
    merged.classify = layer.classify === undefined ? merged.classify : Object.freeze([...layer.classify])
    if (layer.budget !== undefined) {
      merged.budget =
        layer.budget === false ? false : Object.freeze({ ...DEFAULT_BUDGET, ...defined(layer.budget) })
    }
  }
  return Object.freeze(merged)
}

/** Everything wrong with one layer of a policy. @param path goes before each field. Default `retry`. */
export function retryIssues(policy: unknown, path = 'retry'): readonly Issue[] {
  const issues = optionIssues(policy, retryPolicySpec, path)
  if (issues.length > 0) return issues
  const { backoff } = policy as RetryPolicyInput
  return backoff === undefined ? [] : backoffIssues(backoff, `${path}.backoff`)
}

/** Later changes to the caller's object, its list of delays included, must not change a policy in use. */
function frozenBackoff(backoff: Backoff): Backoff {
  return Object.freeze(
    backoff.kind === 'ladder' ? { ...backoff, delays: Object.freeze([...backoff.delays]) } : { ...backoff },
  )
}

const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
