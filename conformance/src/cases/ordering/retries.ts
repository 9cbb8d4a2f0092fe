import assert from 'node:assert/strict'
import { Reject, RetryAfter, type TypedDelivery, topic } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { idOf } from '../support/items.ts'
import { keyedItems, publishKeyed } from '../support/keyed.ts'
import { quiet } from '../support/quiet.ts'
import { reader } from '../support/reader.ts'
import { recorder } from '../support/recorder.ts'
import { after, atOnce, Failure } from '../support/retries.ts'

const orders = topic('orders', { ordered: true, partitions: 4 })

const retryHoldsKey: ConformanceCase = {
  id: 'ordering.retry-holds-its-key@1',
  title:
    'An event in backoff is not overtaken by later ones of its key, at any member, while other keys go on',
  requires: ['order.key', 'subscribe.group'],
  covers: [33, 36, 60],
  permutations: [
    { name: 'throw', error: () => new Failure('not yet') },
    { name: 'retry-after', error: () => new RetryAfter(500) },
  ],
  async run(t, { error }) {
    const first = await t.bus()
    const second = await t.bus()
    const times = new Map<string, number>()
    const seen = recorder((delivery, start) => {
      times.set(`${idOf(delivery)} start ${start}`, t.clock.now())
      if (idOf(delivery) === 'hot-0' && start <= 2) throw (error as () => Error)()
    })
    const options = { group: 'billing', concurrency: 4, prefetch: 32, retry: after(5, 500) }
    const members = [
      await first.subscribe(orders, options, seen.handler),
      await second.subscribe(orders, options, seen.handler),
    ]
    await publishKeyed(first, orders, keyedItems(1, 5, 'hot'))
    await t.until(() => seen.starts('hot-0') === 1, 'the first failure')
    const cold = keyedItems(8, 3)
    await publishKeyed(second, orders, cold)
    await t.until(() => cold.every(e => seen.done.includes(e.id)), 'the other keys')
    const othersDone = t.clock.now()
    await t.until(() => seen.done.includes('hot-4'), 'the rest of the key')
    await quiet(
      t,
      first,
      orders,
      members.map(subscription => ({ recorder: seen, subscription })),
      { key: 'last' },
    )
    const hot = seen.ids().filter(id => id.startsWith('hot'))
    assert.deepEqual(hot, ['hot-0', 'hot-0', 'hot-0', 'hot-1', 'hot-2', 'hot-3', 'hot-4'])
    const failed = times.get('hot-0 start 1') ?? 0
    assert.ok((times.get('hot-0 start 2') ?? 0) >= failed + 500, 'the retry was early')
    assert.ok(othersDone < failed + 1_000, 'other keys waited for the key in backoff')
  },
}

const retryByHandHoldsKey: ConformanceCase = {
  id: 'ordering.settled-by-hand-keeps-order@1',
  title:
    'An event of a key given back by hand, released or retried, comes again before the next one of its key',
  requires: ['order.key', 'subscribe.group', 'settle.release'],
  covers: [31, 33],
  permutations: [
    { name: 'retry', delay: 300 },
    { name: 'retry-at-once', delay: 0 },
    { name: 'release', delay: undefined },
  ],
  async run(t, { delay }) {
    const bus = await t.bus()
    const events = await reader(t, bus.stream(orders, { group: 'billing', prefetch: 10 }))
    await publishKeyed(bus, orders, keyedItems(1, 3, 'hot'))
    const order: string[] = []
    for (let n = 0; n < 5; n++) {
      const delivery = await events.next()
      order.push(idOf(delivery))
      if (n >= 2) await t.within(delivery.ack(), 'the ack')
      else if (delay === undefined) await t.within(delivery.release(), 'the release')
      else await t.within(delivery.retry({ delay: Number(delay) }), 'the retry')
    }
    assert.deepEqual(order, ['hot-0', 'hot-0', 'hot-0', 'hot-1', 'hot-2'])
  },
}

const deadLetterFreesKey: ConformanceCase = {
  id: 'ordering.dead-letter-frees-its-key@1',
  title: 'Once an event is in the dead-letter queue its key goes on, from the next event',
  requires: ['order.key', 'subscribe.group', 'dead-letter.store'],
  covers: [33, 64],
  permutations: [
    { name: 'attempts-exhausted', error: () => new Failure('always'), starts: 3 },
    { name: 'rejected', error: () => new Reject('never'), starts: 1 },
  ],
  async run(t, { error, starts }) {
    const bus = await t.bus()
    const fails = (delivery: TypedDelivery) => idOf(delivery) === 'hot-1'
    const seen = recorder(delivery => {
      if (fails(delivery)) throw (error as () => Error)()
    })
    const subscription = await bus.subscribe(orders, { group: 'billing', retry: atOnce(3) }, seen.handler)
    await publishKeyed(bus, orders, keyedItems(1, 4, 'hot'))
    await t.until(() => seen.done.includes('hot-3'), 'the rest of the key')
    await quiet(t, bus, orders, [{ recorder: seen, subscription }], { key: 'last' })
    const failing = Array.from({ length: Number(starts) }, () => 'hot-1')
    assert.deepEqual(seen.ids(), ['hot-0', ...failing, 'hot-2', 'hot-3'])
    const letters = await deadLettered(t, bus, orders, 'billing')
    assert.deepEqual(
      letters.map(l => [l.event?.id, l.key]),
      [['hot-1', 'hot']],
    )
  },
}

const retrySurvivesMember: ConformanceCase = {
  id: 'ordering.retry-holds-its-key-across-members@1',
  title: 'A key in backoff stays held when its member closes: the next one begins with the failed event',
  requires: ['order.key', 'subscribe.group', 'retry.durable'],
  covers: [19, 33],
  async run(t) {
    const first = await t.bus()
    const second = await t.bus()
    const before = recorder(() => {
      throw new Failure('not here')
    })
    const options = { group: 'billing', retry: after(5, 400) }
    const subscription = await first.subscribe(orders, options, before.handler)
    await publishKeyed(second, orders, keyedItems(1, 3, 'hot'))
    await t.until(() => subscription.stats.retried === 1, 'the failure to be recorded')
    const failedAt = t.clock.now()
    await t.within(first.close(), 'the first member to close')

    const times: number[] = []
    const afterwards = recorder(() => void times.push(t.clock.now()))
    await second.subscribe(orders, options, afterwards.handler)
    await t.until(() => afterwards.done.length === 3, 'the key to go on')
    assert.deepEqual(afterwards.ids(), ['hot-0', 'hot-1', 'hot-2'])
    assert.equal(afterwards.deliveries[0]?.attempt, 2)
    // The failure was recorded no later than `failedAt`, and the case saw it after at most a few polls.
    assert.ok((times[0] ?? 0) >= failedAt + 300, `the retry came after ${(times[0] ?? 0) - failedAt} ms`)
  },
}

export const orderedRetryCases: readonly ConformanceCase[] = [
  retryHoldsKey,
  retryByHandHoldsKey,
  deadLetterFreesKey,
  retrySurvivesMember,
]
