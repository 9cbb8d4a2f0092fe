import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Backoff, backoffDelay } from '../../src/retry/index.ts'
import { type Random, seededRandom } from '../../src/time/index.ts'

const always = (value: number): Random => ({ next: () => value })
const HIGHEST = 1 - 2 ** -32

const first = (backoff: Backoff, attempts: number) =>
  Array.from({ length: attempts }, (_, i) => backoffDelay(backoff, i + 1, always(HIGHEST)))

describe('backoffDelay', () => {
  it.each<[Backoff, number[]]>([
    [{ kind: 'immediate' }, [0, 0, 0]],
    [{ kind: 'fixed', delay: 250 }, [250, 250, 250]],
    [{ kind: 'linear', initial: 100, increment: 50, jitter: 'none' }, [100, 150, 200]],
    [{ kind: 'linear', initial: 100, increment: 50, max: 120, jitter: 'none' }, [100, 120, 120]],
    [{ kind: 'exponential', initial: 500, jitter: 'none' }, [500, 1000, 2000, 4000, 8000]],
    [{ kind: 'exponential', initial: 10, factor: 3, max: 50, jitter: 'none' }, [10, 30, 50, 50]],
    [{ kind: 'ladder', delays: [1, 10, 100] }, [1, 10, 100, 100, 100]],
  ])('%j', (backoff, delays) => {
    expect(first(backoff, delays.length)).toEqual(delays)
  })

  it('caps exponential delays at a minute unless told otherwise, and never below the initial one', () => {
    expect(backoffDelay({ kind: 'exponential', initial: 500, jitter: 'none' }, 30, always(0))).toBe(60_000)
    expect(backoffDelay({ kind: 'exponential', initial: 90_000, jitter: 'none' }, 3, always(0))).toBe(90_000)
  })

  it('spreads full jitter from nothing to the whole delay, by default for growing delays', () => {
    const backoff: Backoff = { kind: 'exponential', initial: 1000 }
    expect(backoffDelay(backoff, 1, always(0))).toBe(0)
    expect(backoffDelay(backoff, 1, always(0.5))).toBe(500)
    expect(backoffDelay(backoff, 1, always(HIGHEST))).toBe(1000)
  })

  it('keeps bounded jitter within its fraction, to both sides', () => {
    const backoff: Backoff = { kind: 'fixed', delay: 1000, jitter: { bounded: 0.2 } }
    expect(backoffDelay(backoff, 1, always(0))).toBe(800)
    expect(backoffDelay(backoff, 1, always(0.5))).toBe(1000)
    expect(backoffDelay(backoff, 1, always(HIGHEST))).toBe(1200)
  })

  it('is repeatable from a seed', () => {
    const run = (seed: number) => {
      const random = seededRandom(seed)
      return Array.from({ length: 5 }, (_, i) =>
        backoffDelay({ kind: 'exponential', initial: 500 }, i + 1, random),
      )
    }
    expect(run(7)).toEqual(run(7))
    expect(run(7)).not.toEqual(run(8))
  })

  it('stays at zero from an initial delay of zero, however high the attempt', () => {
    expect(backoffDelay({ kind: 'exponential', initial: 0, jitter: 'none' }, 29_620, seededRandom(1))).toBe(0)
  })

  it('gives whole, finite, non-negative milliseconds whatever the attempt', () => {
    const delay = fc.integer({ min: 0, max: 10 ** 9 })
    const jitter = fc.oneof(
      fc.constantFrom('none' as const, 'full' as const),
      fc.record({ bounded: fc.double({ min: 0, max: 1, noNaN: true }) }),
    )
    const backoff: fc.Arbitrary<Backoff> = fc.oneof(
      fc.record({ kind: fc.constant('linear' as const), initial: delay, increment: delay, jitter }),
      fc.record({
        kind: fc.constant('exponential' as const),
        initial: delay,
        factor: fc.double({ min: 1, max: 100, noNaN: true }),
        jitter,
      }),
      fc.record({ kind: fc.constant('ladder' as const), delays: fc.array(delay, { minLength: 1 }), jitter }),
    )
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 100_000 }), fc.integer(), (chosen, attempt, seed) => {
        const ms = backoffDelay(chosen, attempt, seededRandom(seed))
        expect(Number.isSafeInteger(ms)).toBe(true)
        expect(ms).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})
