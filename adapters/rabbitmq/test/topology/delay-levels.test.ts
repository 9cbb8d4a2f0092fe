import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bitPattern,
  entranceFor,
  LEVELS,
  LONGEST_DELAY,
  queueTarget,
  ttlOf,
  UNIT,
} from '../../src/topology/delay-levels.ts'

/** Topic exchanges: `*` is one word, `#` any number. */
function matches(pattern: string, key: string): boolean {
  const walk = (p: string[], k: string[]): boolean => {
    const [part] = p
    if (part === undefined) return k.length === 0
    if (part === '#') return walk(p.slice(1), k) || (k.length > 0 && walk(p, k.slice(1)))
    return k.length > 0 && (part === '*' || part === k[0]) && walk(p.slice(1), k.slice(1))
  }
  return walk(pattern.split('.'), key.split('.'))
}

/** How long the broker's bindings would keep a message, from its entrance to the end. */
function timeThrough(ms: number): number {
  const entrance = entranceFor(ms, queueTarget('orders'))
  if (entrance === undefined) return 0
  let total = 0
  for (let level = entrance.level; level >= 0; level--) {
    const waits = matches(bitPattern(level, 1), entrance.routingKey)
    const passes = matches(bitPattern(level, 0), entrance.routingKey)
    expect(waits).not.toBe(passes)
    if (waits) total += ttlOf(level)
  }
  expect(matches(`#.${queueTarget('orders')}`, entrance.routingKey)).toBe(true)
  return total
}

describe('delay levels', () => {
  it('keep a message for its delay, never less and at most one step more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: LONGEST_DELAY }), ms => {
        const kept = timeThrough(ms)
        expect(kept).toBeGreaterThanOrEqual(ms)
        expect(kept).toBeLessThan(ms + UNIT)
      }),
      { numRuns: 300 },
    )
  })

  it('have no way in for what is due', () => {
    expect(entranceFor(0, 'x')).toBeUndefined()
    expect(entranceFor(-5, 'x')).toBeUndefined()
  })

  it('keep what exceeds them for their longest delay', () => {
    expect(timeThrough(LONGEST_DELAY * 3)).toBe(LONGEST_DELAY)
  })

  it('do not take a queue for another whose name ends like it', () => {
    const key = entranceFor(100, queueTarget('eu.orders__billing__queue'))?.routingKey ?? ''
    expect(matches(`#.${queueTarget('eu.orders__billing__queue')}`, key)).toBe(true)
    expect(matches(`#.${queueTarget('orders__billing__queue')}`, key)).toBe(false)
  })

  it('leave room for a name in a routing key of 255 bytes', () => {
    expect(2 * LEVELS + queueTarget('q'.repeat(255 - 2 * LEVELS - 8)).length).toBeLessThanOrEqual(255)
  })
})
