import assert from 'node:assert/strict'
import { event } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { namingCases } from './routing/names.ts'
import { wildcardCases } from './routing/wildcards.ts'
import { ITEM, item } from './support/items.ts'
import { quiet } from './support/quiet.ts'
import { recorder } from './support/recorder.ts'
import { after } from './support/retries.ts'

const Placed = event('com.example.order.placed', { topic: 'orders' })
const Cancelled = event('com.example.order.cancelled', { topic: 'orders' })

const severalContracts: ConformanceCase = {
  id: 'routing.several-contracts@1',
  title:
    'One subscription for several contracts gets each event as its own type, and counts those of no type it names',
  requires: ['subscribe.group'],
  covers: [51],
  async run(t) {
    const bus = await t.bus({ source: '/shop' })
    const seen = recorder()
    const subscription = await bus.subscribe([Placed, Cancelled], { group: 'billing' }, seen.handler)
    await bus.publish(Placed, { total: 9 })
    await bus.publish(Cancelled, { reason: 'changed my mind' })
    await bus.publish('orders', item('other'))
    await t.until(() => subscription.stats.unhandled === 1 && seen.done.length === 2, 'all three events')
    assert.deepEqual(
      new Map(seen.deliveries.map(d => [d.type, d.data])),
      new Map<string, unknown>([
        ['com.example.order.placed', { total: 9 }],
        ['com.example.order.cancelled', { reason: 'changed my mind' }],
      ]),
    )
    assert.ok(seen.deliveries.every(d => d.event.source === '/shop'))
  },
}

const rightHandler: ConformanceCase = {
  id: 'routing.right-handler@1',
  title: 'Each subscription of a bus runs its own handler for its own topic and group, and no other',
  requires: ['subscribe.group'],
  covers: [51, 5],
  async run(t) {
    const bus = await t.bus()
    const table = ['orders', 'invoices'].flatMap(topic =>
      ['billing', 'shipping'].map(group => ({ topic, group })),
    )
    const consumers = await Promise.all(
      table.map(async ({ topic, group }) => {
        const seen = recorder()
        const subscription = await bus.subscribe(topic, { group }, seen.handler)
        return { topic, group, recorder: seen, subscription }
      }),
    )
    for (const topic of ['orders', 'invoices']) await bus.publish(topic, item(`on-${topic}`))
    for (const consumer of consumers) {
      await t.until(
        () => consumer.recorder.done.length > 0,
        `an event for ${consumer.group} of ${consumer.topic}`,
      )
      await quiet(t, bus, consumer.topic, [consumer])
      consumer.recorder.assertExactly([`on-${consumer.topic}`])
      assert.equal(consumer.subscription.topic, consumer.topic)
      assert.equal(consumer.subscription.group, consumer.group)
      assert.ok(
        consumer.recorder.deliveries.every(d => d.topic === consumer.topic && d.group === consumer.group),
      )
    }
  },
}

const unhandledTypes: ConformanceCase = {
  id: 'routing.unhandled-types@1',
  title:
    'An event of a type that no handler names is acked, dead-lettered or retried, as the subscription says',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [51],
  permutations: [
    { name: 'ack', unhandled: 'ack' },
    { name: 'dead-letter', unhandled: 'dead-letter' },
    { name: 'retry', unhandled: 'retry' },
  ],
  async run(t, permutation) {
    const unhandled = permutation.unhandled as 'ack' | 'dead-letter' | 'retry'
    const bus = await t.bus()
    const old = recorder()
    const options = { group: 'billing', unhandled, retry: after(20, 300) }
    const subscription = await bus.subscribe(Placed, options, old.handler)
    await bus.publish('orders', item('new-type'))
    await bus.publish(Placed, { total: 1 })
    await t.until(() => old.done.length === 1, 'the type it knows')
    if (unhandled === 'ack')
      await t.until(() => subscription.stats.unhandled === 1, 'the event to be counted')
    if (unhandled === 'dead-letter') {
      await t.until(() => subscription.stats.deadLettered === 1, 'the event to be dead-lettered')
    }
    if (unhandled === 'retry')
      await t.until(() => subscription.stats.retried >= 1, 'the event to be given back')
    await t.within(subscription.close(), 'the old member to leave')

    // A newer member of the same group that knows the type, as in a rolling deployment.
    const fresh = recorder()
    const next = await bus.subscribe('orders', { group: 'billing', retry: after(20, 300) }, fresh.handler)
    if (unhandled === 'retry')
      await t.until(() => fresh.done.includes('new-type'), 'the new member to handle it')
    await quiet(t, bus, 'orders', [{ recorder: fresh, subscription: next }])
    fresh.assertExactly(unhandled === 'retry' ? ['new-type'] : [])
    const letters = await bus.deadLetters('orders', 'billing').list()
    assert.deepEqual(
      letters.map(l => [l.event?.type, l.reason]),
      unhandled === 'dead-letter' ? [[ITEM, 'unhandled-type']] : [],
    )
  },
}

export const routingCases: readonly ConformanceCase[] = [
  severalContracts,
  rightHandler,
  unhandledTypes,
  ...namingCases,
  ...wildcardCases,
]
