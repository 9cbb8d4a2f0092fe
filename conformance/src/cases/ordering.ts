import assert from 'node:assert/strict'
import { topic } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { orderedPublishingCases } from './ordering/publishing.ts'
import { orderedRetryCases } from './ordering/retries.ts'
import { gate } from './support/gate.ts'
import { assertKeyOrder, keyedItems, keyOf, publishKeyed } from './support/keyed.ts'
import { elapsed } from './support/passing-time.ts'
import { quiet } from './support/quiet.ts'
import { recorder } from './support/recorder.ts'

const oneSubscriber: ConformanceCase = {
  id: 'ordering.one-member@1',
  title: 'One member handles the events of a key in publish order, at any concurrency',
  requires: ['order.key', 'subscribe.group'],
  covers: [29, 34],
  permutations: [
    { name: 'one-partition', partitions: 1, concurrency: 1 },
    { name: 'one-partition-concurrent', partitions: 1, concurrency: 16 },
    { name: 'eight-partitions-concurrent', partitions: 8, concurrency: 16 },
  ],
  async run(t, { partitions, concurrency }) {
    const orders = topic('orders', { ordered: true, partitions: Number(partitions) })
    const bus = await t.bus()
    // Earlier events of a key take longer: without a lane for each key, later ones would overtake them.
    const seen = recorder(d => elapsed(t, Number(d.event.id.split('-').at(-1)) % 3 === 0 ? 20 : 1))
    const subscription = await bus.subscribe(
      orders,
      { group: 'billing', concurrency: Number(concurrency) },
      seen.handler,
    )
    const events = keyedItems(5, 20)
    await publishKeyed(bus, orders, events)
    await t.until(() => seen.done.length >= events.length, 'all events')
    await quiet(t, bus, orders, [{ recorder: seen, subscription }], { key: 'last' })
    seen.assertExactly(events.map(e => e.id))
    assertKeyOrder(seen)
  },
}

const manyMembers: ConformanceCase = {
  id: 'ordering.many-members@1',
  title: 'Across all members of a group the events of a key are handled one at a time and in publish order',
  requires: ['order.key', 'subscribe.group'],
  covers: [30, 34, 38],
  async run(t) {
    const orders = topic('orders', { ordered: true, partitions: 8 })
    const publisher = await t.bus()
    const running = new Map<string, number>()
    const seen = recorder(async d => {
      const key = keyOf(d.event.id)
      running.set(key, (running.get(key) ?? 0) + 1)
      assert.equal(running.get(key), 1, `two events of ${key} are handled at the same time`)
      await elapsed(t, 1 + Math.floor(t.random.next() * 10))
      running.set(key, 0)
    })
    const members = await Promise.all(
      Array.from({ length: 4 }, async () =>
        (await t.bus()).subscribe(orders, { group: 'billing', concurrency: 4 }, seen.handler),
      ),
    )
    const events = keyedItems(20, 15)
    await publishKeyed(publisher, orders, events)
    await t.until(() => seen.done.length >= events.length, 'all events')
    await quiet(
      t,
      publisher,
      orders,
      members.map(subscription => ({ recorder: seen, subscription })),
      { key: 'last' },
    )
    seen.assertExactly(events.map(e => e.id))
    assertKeyOrder(seen)
  },
}

const waitsForSettlement: ConformanceCase = {
  id: 'ordering.waits-for-its-predecessor@1',
  title:
    'While an event of a key is being handled no other of that key starts anywhere, and all other keys go on',
  requires: ['order.key', 'subscribe.group'],
  covers: [31, 34, 36],
  async run(t) {
    const orders = topic('orders', { ordered: true, partitions: 8 })
    const bus = await t.bus()
    const other = await t.bus()
    const held = gate()
    const seen = recorder(d => (d.event.id === 'hot-0' ? held.passed(d.signal) : undefined))
    const options = { group: 'billing', concurrency: 4, prefetch: 64 }
    const members = [
      await bus.subscribe(orders, options, seen.handler),
      await other.subscribe(orders, options, seen.handler),
    ]
    // More of the hot key than there are handlers: its backlog takes no handler from anyone else.
    await publishKeyed(bus, orders, keyedItems(1, 20, 'hot'))
    await t.until(() => seen.starts('hot-0') === 1, 'the first event of the hot key')
    const cold = keyedItems(10, 6)
    await publishKeyed(bus, orders, cold)
    await t.until(() => cold.every(e => seen.done.includes(e.id)), 'all events of the other keys')
    assert.equal(seen.starts('hot-1'), 0, 'a second event of the key started before the first was settled')

    held.open()
    await t.until(() => seen.done.includes('hot-19'), 'the rest of the hot key')
    await quiet(
      t,
      bus,
      orders,
      members.map(subscription => ({ recorder: seen, subscription })),
      { key: 'last' },
    )
    assertKeyOrder(seen)
    assert.equal(seen.deliveries.length, 80)
  },
}

const spreadOverMembers: ConformanceCase = {
  id: 'ordering.keys-spread-over-members@1',
  title: 'The keys of an ordered topic are spread: every member of the group has a share of the work',
  requires: ['order.key', 'subscribe.group'],
  covers: [32],
  async run(t) {
    const orders = topic('orders', { ordered: true, partitions: 8 })
    const publisher = await t.bus()
    const members = await Promise.all(
      [0, 1].map(async () => {
        const seen = recorder(() => elapsed(t, 10))
        const options = { group: 'billing', concurrency: 2, prefetch: 4 }
        const subscription = await (await t.bus()).subscribe(orders, options, seen.handler)
        return { recorder: seen, subscription }
      }),
    )
    const events = keyedItems(64, 3)
    await publishKeyed(publisher, orders, events)
    await t.until(
      () => members.reduce((sum, m) => sum + m.recorder.done.length, 0) >= events.length,
      'all events',
    )
    for (const [n, member] of members.entries()) {
      assert.ok(
        member.recorder.done.length >= events.length / 8,
        `member ${n} had ${member.recorder.done.length} events`,
      )
    }
  },
}

const crashKeepsOrder: ConformanceCase = {
  id: 'ordering.across-crash@1',
  title: 'When a member crashes its keys go on at another, from their first unsettled event and in order',
  requires: ['order.key', 'subscribe.group'],
  faults: ['crash'],
  covers: [35, 42],
  async run(t) {
    const orders = topic('orders', { ordered: true, partitions: 4 })
    const publisher = await t.bus()
    const victim = await t.bus({ client: 'victim' })
    const never = gate()
    const before = recorder(d => (d.event.id.endsWith('-2') ? never.passed(d.signal) : undefined))
    const options = { group: 'billing', lease: 2_000 }
    const subscription = await victim.subscribe(orders, options, before.handler)
    const events = keyedItems(6, 8)
    await publishKeyed(publisher, orders, events)
    await t.until(
      () => before.running === 6 && before.done.length === 12,
      'each key to be at its third event',
    )
    await t.until(() => subscription.stats.handled === 12, 'the first two of each key to be settled')
    await t.faults.crash('victim')

    const next = await t.bus()
    const afterwards = recorder()
    await next.subscribe(orders, options, afterwards.handler)
    const left = events.filter(e => Number(e.id.split('-').at(-1)) >= 2)
    await t.until(() => left.every(e => afterwards.done.includes(e.id)), 'the rest of every key')
    assertKeyOrder(afterwards, { repeats: true })
  },
}

const reconnectKeepsOrder: ConformanceCase = {
  id: 'ordering.across-reconnect@1',
  title:
    'A lost link repeats events of a key at most: none is skipped, and none is first handled out of order',
  requires: ['order.key', 'subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [35],
  async run(t) {
    const orders = topic('orders', { ordered: true, partitions: 4 })
    const publisher = await t.bus({ client: 'publisher' })
    const consumer = await t.bus({ client: 'consumer' })
    const seen = recorder(() => elapsed(t, 10))
    const options = { group: 'billing', concurrency: 4, lease: 2_000, retry: { attempts: 20 } }
    await consumer.subscribe(orders, options, seen.handler)
    const events = keyedItems(4, 20)
    await publishKeyed(publisher, orders, events)
    for (const progress of [10, 30, 50]) {
      await t.until(() => seen.done.length >= progress, `${progress} events`)
      await t.faults.cut('consumer')
      await t.pass(100)
      await t.faults.heal('consumer')
    }
    await t.until(() => events.every(e => seen.done.includes(e.id)), 'every event')
    assertKeyOrder(seen, { repeats: true })
  },
}

export const orderingCases: readonly ConformanceCase[] = [
  oneSubscriber,
  manyMembers,
  waitsForSettlement,
  spreadOverMembers,
  crashKeepsOrder,
  reconnectKeepsOrder,
  ...orderedRetryCases,
  ...orderedPublishingCases,
]
