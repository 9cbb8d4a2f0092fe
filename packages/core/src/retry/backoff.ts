import type { Random } from '../time/random.ts'

/**
 * How a delay is spread, so that events which failed together do not come back together. `full`: anywhere from 0
 * to the delay. `bounded`: within that fraction (0 to 1) of the delay, to both sides. Default `full` for
 * exponential and linear backoff, `none` for the others, whose delays were chosen by hand.
 */
export type Jitter = 'none' | 'full' | { readonly bounded: number }

/** How long to wait before the next attempt. All times in milliseconds. */
export type Backoff =
  /** At once. */
  | { readonly kind: 'immediate' }
  | { readonly kind: 'fixed'; readonly delay: number; readonly jitter?: Jitter }
  /** `initial`, then `increment` more each time, up to `max` (default: no limit). */
  | {
      readonly kind: 'linear'
      readonly initial: number
      readonly increment: number
      readonly max?: number
      readonly jitter?: Jitter
    }
  /** `initial`, then `factor` (default 2) times as long each time, up to `max` (default 60,000). */
  | {
      readonly kind: 'exponential'
      readonly initial: number
      readonly factor?: number
      readonly max?: number
      readonly jitter?: Jitter
    }
  /** These, one after another; the last one repeats. */
  | { readonly kind: 'ladder'; readonly delays: readonly number[]; readonly jitter?: Jitter }

export const DEFAULT_FACTOR = 2
export const DEFAULT_MAX_DELAY = 60_000

/** The longest delay there is: 10 years. Keeps sums with the current time exact, however steep the backoff. */
export const LONGEST_DELAY = 10 * 365 * 86_400_000

/**
 * The delay before the next attempt, in whole milliseconds, never negative.
 * @param attempt the attempt that has just failed; the first one is 1.
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: Random): number {
  const delay = Math.min(plannedDelay(backoff, Math.max(1, attempt)), LONGEST_DELAY)
  if (delay <= 0 || backoff.kind === 'immediate') return 0
  return Math.min(Math.round(spread(delay, backoff.jitter ?? defaultJitter(backoff), random)), LONGEST_DELAY)
}

function plannedDelay(backoff: Backoff, attempt: number): number {
  switch (backoff.kind) {
    case 'immediate':
      return 0
    case 'fixed':
      return backoff.delay
    case 'linear':
      return Math.min(
        backoff.initial + backoff.increment * (attempt - 1),
        backoff.max ?? Number.POSITIVE_INFINITY,
      )
    case 'exponential':
      // Apart, because 0 times a factor that has grown to Infinity is NaN.
      if (backoff.initial === 0) return 0
      return Math.min(
        backoff.initial * (backoff.factor ?? DEFAULT_FACTOR) ** (attempt - 1),
        backoff.max ?? Math.max(DEFAULT_MAX_DELAY, backoff.initial),
      )
    case 'ladder':
      return backoff.delays[Math.min(attempt, backoff.delays.length) - 1] ?? 0
  }
}

function spread(delay: number, jitter: Jitter, random: Random): number {
  if (jitter === 'none') return delay
  if (jitter === 'full') return delay * random.next()
  return delay * (1 - jitter.bounded + 2 * jitter.bounded * random.next())
}

function defaultJitter(backoff: Backoff): Jitter {
  return backoff.kind === 'exponential' || backoff.kind === 'linear' ? 'full' : 'none'
}
