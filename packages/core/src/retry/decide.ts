import { isBusError } from '../errors/bus-error.ts'
import type { Random } from '../time/random.ts'
import { backoffDelay } from './backoff.ts'
import type { RetryBudget } from './budget.ts'
import { classify } from './classify.ts'
import type { DeadLetterReason } from './dead-letter-reason.ts'
import type { ResolvedPolicy } from './policy.ts'

/** What becomes of an event whose handler failed. */
export type Verdict =
  /** `delay` in milliseconds; `reason` says what set it. */
  | {
      readonly kind: 'retry'
      readonly delay: number
      readonly reason: 'backoff' | 'retry-after' | 'budget'
    }
  | { readonly kind: 'dead'; readonly reason: DeadLetterReason }
  /** Acknowledge and count. */
  | { readonly kind: 'ignore' }

export interface FailureContext {
  /** Handler starts so far, the one that has just failed included; the first one is 1. */
  readonly attempt: number
  /** Milliseconds since the epoch; left out where it is not known. */
  readonly firstFailureAt?: number | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly random: Random
  readonly budget?: RetryBudget | undefined
  /** Is told what a predicate of `classify` threw. */
  readonly onError: (error: unknown) => void
}

/**
 * What the handler threw on purpose (`Reject`, `RetryAfter`) comes before the rules; the limits on attempts and time
 * hold for every retry, `RetryAfter` included.
 */
export function decide(policy: ResolvedPolicy, error: unknown, failure: FailureContext): Verdict {
  if (isBusError(error, 'REJECTED')) return { kind: 'dead', reason: 'rejected' }
  const requested = retryAfter(error)
  if (requested === undefined && policy.classify.length > 0) {
    const { to } = classify(policy.classify, error, failure.onError)
    if (to === 'ignore') return { kind: 'ignore' }
    if (to === 'dead-letter') return { kind: 'dead', reason: 'classified' }
  }
  if (failure.attempt >= policy.attempts) return { kind: 'dead', reason: 'attempts-exhausted' }
  const delay = requested ?? backoffDelay(policy.backoff, failure.attempt, failure.random)
  if (elapsesBefore(failure.now + delay, policy, failure)) return { kind: 'dead', reason: 'elapsed' }
  // After the limits: being put off by the budget is not the event's fault and never kills it.
  const deferral = failure.budget?.spend(failure.now) ?? 0
  if (deferral > delay) return { kind: 'retry', delay: deferral, reason: 'budget' }
  return { kind: 'retry', delay, reason: requested === undefined ? 'backoff' : 'retry-after' }
}

/** By brand and shape rather than `instanceof`: the handler may have been built against another copy of this package. */
function retryAfter(error: unknown): number | undefined {
  if (!isBusError(error) || error.name !== 'RetryAfter') return undefined
  const { delay } = error as { delay?: unknown }
  return typeof delay === 'number' && delay >= 0 ? Math.ceil(delay) : undefined
}

function elapsesBefore(start: number, policy: ResolvedPolicy, failure: FailureContext): boolean {
  if (policy.maxElapsed === Number.POSITIVE_INFINITY) return false
  // A later attempt whose first failure nobody recorded: the limit cannot be told, and is not guessed.
  const first = failure.firstFailureAt ?? (failure.attempt <= 1 ? failure.now : undefined)
  return first !== undefined && start - first > policy.maxElapsed
}
