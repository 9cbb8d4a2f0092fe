import type { RetryPolicyInput } from '@busbar/core'

/** Retries at once, `attempts` handler starts in all. */
export const atOnce = (attempts: number): RetryPolicyInput => ({ attempts, backoff: { kind: 'immediate' } })

/** Retries after `delay` milliseconds exactly. */
export const after = (attempts: number, delay: number): RetryPolicyInput => ({
  attempts,
  backoff: { kind: 'fixed', delay, jitter: 'none' },
})

/** What handlers of these cases throw. */
export class Failure extends Error {
  override readonly name = 'Failure'
}
