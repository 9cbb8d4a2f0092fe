import { describe, expect, it } from 'vitest'
import { parseState } from '../src/consuming/ordered/claims.ts'
import { KeyQueues } from '../src/consuming/ordered/key-queues.ts'
import { lanesOf } from '../src/consuming/ordered/lane.ts'
import { shareOf } from '../src/consuming/ordered/members.ts'
import { namesFor } from '../src/names.ts'

const waits = (sequence: number, key = 'k', notBefore = 0) => ({
  sequence,
  key,
  notBefore,
  stored: undefined,
})

describe('the queues of keys', () => {
  it('give out the first of a key alone, and the next when it is back', () => {
    const queues = new KeyQueues()
    queues.park(waits(2))
    queues.park(waits(1))
    expect(queues.take(0)?.sequence).toBe(1)
    expect(queues.take(0)).toBeUndefined()
    queues.isBack('k', 1)
    expect(queues.take(0)?.sequence).toBe(2)
  })

  it('hold what comes anew behind one that is being fetched', () => {
    const queues = new KeyQueues()
    queues.park(waits(1))
    queues.take(0)
    expect(queues.blocks('k')).toBe(true)
    queues.came('k')
    expect(queues.blocks('k')).toBe(false)
  })

  it('wait for the time of the first of a key, and not for those with core', () => {
    const queues = new KeyQueues()
    queues.park(waits(1, 'slow', 500))
    queues.park(waits(2, 'slow', 0))
    queues.park(waits(3, 'fast', 200))
    expect(queues.take(100)).toBeUndefined()
    expect(queues.nextDue()).toBe(200)
    queues.goesOut('fast', 4)
    expect(queues.nextDue()).toBe(500)
    expect(queues.size).toBe(3)
  })
})

describe('shares of lanes', () => {
  it.each([
    [['a'], 9],
    [['a', 'b'], 9],
    [['a', 'b', 'c', 'd'], 9],
    [['a', 'b', 'c', 'd'], 2],
  ])('of %j are even and cover all %i', (members, lanes) => {
    const shares = members.map(member => shareOf(member, members, lanes))
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(lanes)
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
  })
})

describe('lanes', () => {
  const of = { topic: 'orders', group: 'billing' }

  it('are the partitions, and one for what came without', () => {
    const lanes = lanesOf(namesFor('shop'), { ...of, partitions: 3 }, undefined)
    expect(lanes.map(({ id }) => id)).toEqual(['0', '1', '2', 'plain'])
    expect(new Set(lanes.map(({ consumer }) => consumer)).size).toBe(4)
    expect(new Set(lanes.map(({ subject }) => subject)).size).toBe(4)
  })

  it('are one where there is one subject', () => {
    expect(lanesOf(namesFor(''), { ...of, partitions: 1 }, undefined)).toHaveLength(1)
    expect(lanesOf(namesFor(''), { ...of, partitions: 8 }, 'legacy.orders')).toMatchObject([
      { subject: 'legacy.orders' },
    ])
  })
})

describe('a claim', () => {
  it('is read as far as it makes sense', () => {
    const state = { owner: 'me', top: 9, open: [3, 7], crashes: [{ read: 5, stored: 8 }], ahead: 2 }
    expect(parseState(JSON.stringify(state))).toEqual(state)
    const nothing = { owner: '', top: 0, open: [], crashes: [], ahead: 0 }
    expect(parseState('nonsense')).toEqual(nothing)
    expect(parseState('{"owner":1,"top":-1,"open":["x"],"crashes":[null]}')).toEqual(nothing)
  })
})
