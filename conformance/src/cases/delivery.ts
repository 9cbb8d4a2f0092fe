import assert from 'node:assert/strict'
import { type Bus, topic } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { publishOutcomeCases } from './delivery/publish-outcomes.ts'
import { ids, item, publishItems } from './support/items.ts'
import { quiet } from './support/quiet.ts'
import { reader } from './support/reader.ts'
import { type Recorder, recorder } from './support/recorder.ts'

const roundTrip = (mode: 'binary' | 'structured'): ConformanceCase => ({
  id: `delivery.round-trip-${mode}@1`,
  title: `A ${mode} event arrives with the data, attributes and headers it was published with`,
  requires: ['subscribe.group', `events.${mode}`],
  covers: [1],
  permutations: [
    { name: 'empty', data: {} },
    { name: 'small', data: { name: 'Zoë', list: [1, 2.5, null, true], nested: { a: 'b' } } },
    { name: '100-KiB', data: { text: 'x'.repeat(100 * 1024) } },
    {
      name: 'bytes',
      data: Uint8Array.from({ length: 256 }, (_, n) => n),
      contentType: 'application/octet-stream',
    },
  ],
  async run(t, { data, contentType = 'application/json' }) {
    const bus = await t.bus({ mode })
    const seen = recorder()
    await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    const sent = item('a', {
      subject: 'order/1',
      time: '2026-01-02T03:04:05.123456789Z',
      datacontenttype: String(contentType),
      tenant: 'north',
      data,
    })
    const headers = [
      ['x-first', 'one'],
      ['x-second', 'two'],
      ['x-first', 'three'],
    ] as const
    await bus.publish('orders', sent, { headers })
    await t.until(() => seen.deliveries.length > 0, 'the event')

    const [delivery] = seen.deliveries
    assert.ok(delivery)
    // Bytes may come as any view of bytes.
    const plain = (value: unknown) => (value instanceof Uint8Array ? [...value] : value)
    assert.deepEqual(plain(delivery.data), plain(data))
    assert.deepEqual(plain(delivery.event.data), plain(data))
    assert.deepEqual({ ...delivery.event, data: null }, { specversion: '1.0', ...sent, data: null })
    assert.deepEqual(delivery.headers, headers)
  },
})

const everyEventOnce: ConformanceCase = {
  id: 'delivery.every-event-once@1',
  title: 'Without faults every event is handled, and none of them twice',
  requires: ['subscribe.group'],
  covers: [2, 10],
  permutations: [
    { name: 'concurrency-1', concurrency: 1 },
    { name: 'concurrency-16', concurrency: 16 },
  ],
  async run(t, { concurrency }) {
    const bus = await t.bus()
    const seen = recorder()
    const subscription = await bus.subscribe(
      'orders',
      { group: 'billing', concurrency: Number(concurrency) },
      seen.handler,
    )
    const names = ids('order', 500)
    await publishItems(bus, 'orders', names)
    await t.until(() => new Set(seen.done).size >= names.length, 'all events')
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(names)
    assert.equal(subscription.stats.handled, names.length + 1)
  },
}

const manyPublishersAndSubscribers: ConformanceCase = {
  id: 'delivery.many-publishers-many-subscribers@1',
  title: 'Fifty publishers at once lose nothing to fifty handlers at once, spread over several connections',
  requires: ['subscribe.group'],
  covers: [3, 10],
  async run(t) {
    const publishers = await buses(5)
    const consumers = await buses(10)
    const seen = recorder()
    const members = await Promise.all(
      consumers.map(bus => bus.subscribe('orders', { group: 'billing', concurrency: 5 }, seen.handler)),
    )
    const names = publishers.flatMap((_, n) => ids(`publisher-${n}`, 100))
    await Promise.all(
      publishers.flatMap((bus, n) =>
        Array.from({ length: 10 }, async (_, loop) => {
          for (const id of ids(`publisher-${n}`, 100).slice(loop * 10, loop * 10 + 10)) {
            await bus.publish('orders', item(id))
          }
        }),
      ),
    )
    await t.until(() => new Set(seen.done).size >= names.length, 'all events')
    const [publisher] = publishers
    assert.ok(publisher)
    await quiet(
      t,
      publisher,
      'orders',
      members.map(subscription => ({ recorder: seen, subscription })),
    )
    seen.assertExactly(names)

    function buses(count: number): Promise<Bus[]> {
      return Promise.all(Array.from({ length: count }, () => t.bus()))
    }
  },
}

const manyTopics: ConformanceCase = {
  id: 'delivery.many-topics-one-connection@1',
  title: 'Twenty topics share one connection and each subscription gets the events of its own topic alone',
  requires: ['subscribe.group'],
  covers: [4, 5],
  async run(t) {
    const bus = await t.bus()
    const consumers = new Map<string, Recorder>()
    for (const name of ids('topic', 20)) {
      const seen = recorder()
      consumers.set(name, seen)
      await bus.subscribe(name, { group: 'billing' }, seen.handler)
    }
    await Promise.all([...consumers.keys()].map(name => publishItems(bus, name, ids(name, 10))))
    await t.until(
      () => [...consumers.values()].every(seen => seen.done.length >= 10),
      'ten events on each topic',
    )
    for (const [name, seen] of consumers) {
      seen.assertExactly(ids(name, 10), name)
      assert.ok(
        seen.deliveries.every(d => d.topic === name),
        `the deliveries of ${name} name their topic`,
      )
    }
  },
}

const durableGroup: ConformanceCase = {
  id: 'delivery.group-gets-what-it-missed@1',
  title: 'A group gets what was published while none of its members was connected',
  requires: ['subscribe.group'],
  covers: [6, 120],
  permutations: [
    { name: 'same-bus', another: false, ordered: false },
    { name: 'another-bus', another: true, ordered: false },
    { name: 'ordered-topic', another: true, ordered: true },
  ],
  async run(t, { another, ordered }) {
    const orders = topic('orders', { ordered: ordered === true, partitions: 3 })
    const publisher = await t.bus()
    const first = await t.bus()
    const before = recorder()
    const subscription = await first.subscribe(orders, { group: 'billing' }, before.handler)
    await publish(ids('seen', 5))
    await t.until(() => before.done.length >= 5, 'the first events')
    await t.within(subscription.drain(), 'the first member to leave')

    const missed = ids('missed', 20)
    await publish(missed)
    const afterwards = recorder()
    const second = another === true ? await t.bus() : first
    const again = await second.subscribe(orders, { group: 'billing' }, afterwards.handler)
    await t.until(() => afterwards.done.length >= missed.length, 'what was published in between')
    await quiet(t, publisher, orders, [{ recorder: afterwards, subscription: again }], { key: 'k' })
    afterwards.assertExactly(missed)

    async function publish(names: readonly string[]) {
      for (const id of names) await publisher.publish(orders, item(id), { key: `key-${id}` })
    }
  },
}

const subscribeThenPublish: ConformanceCase = {
  id: 'delivery.subscribed-means-seen@1',
  title: 'Once subscribe has resolved, the next published event is seen, without waiting for anything',
  requires: ['subscribe.group'],
  covers: [7],
  permutations: [
    { name: 'new-topic', before: false },
    { name: 'topic-with-history', before: true },
  ],
  async run(t, { before }) {
    const publisher = await t.bus()
    for (const name of ids('orders', 10)) {
      if (before === true) await publisher.publish(name, item('earlier'))
      const bus = await t.bus()
      const seen = recorder()
      await bus.subscribe(name, { group: 'billing' }, seen.handler)
      await publisher.publish(name, item('next'))
      await t.until(() => seen.deliveries.length > 0, `the event published right after subscribe on ${name}`)
      seen.assertExactly(['next'])
    }
  },
}

const broadcastThenPublish: ConformanceCase = {
  id: 'delivery.broadcast-subscribed-means-seen@1',
  title: 'Once a broadcast subscribe, or a stream, is ready, the next published event is seen',
  requires: ['subscribe.broadcast', 'subscribe.group'],
  covers: [7],
  async run(t) {
    const publisher = await t.bus()
    for (const name of ids('orders', 5)) {
      const bus = await t.bus()
      const seen = recorder()
      await bus.subscribe(name, {}, seen.handler)
      await publisher.publish(name, item('next'))
      await t.until(() => seen.deliveries.length > 0, `the broadcast on ${name}`)
      seen.assertExactly(['next'])

      const stream = await reader(t, bus.stream(name, { group: 'etl' }))
      await publisher.publish(name, item('streamed'))
      const delivery = await stream.next()
      assert.equal(delivery.event.id, 'streamed')
      await delivery.ack()
    }
  },
}

const receipt: ConformanceCase = {
  id: 'delivery.receipt-and-address@1',
  title: 'A receipt names the event, and a delivery names its topic, group, key and position on the broker',
  requires: ['subscribe.group'],
  covers: [11],
  async run(t) {
    const bus = await t.bus()
    const seen = recorder()
    await bus.subscribe('orders.placed', { group: 'billing' }, seen.handler)
    const first = await bus.publish('orders.placed', item('a'), { key: 'customer-1' })
    const second = await bus.publish('orders.placed', item('b'), { key: 'customer-1' })
    await t.until(() => seen.deliveries.length === 2, 'both events')

    assert.equal(first.id, 'a')
    assert.equal(first.duplicate, false)
    if (first.position !== undefined) {
      assert.notEqual(first.position, second.position)
      assert.ok(
        seen.deliveries.every(d => d.position !== undefined),
        'the broker has positions, and a delivery has none',
      )
    }
    for (const delivery of seen.deliveries) {
      assert.equal(delivery.topic, 'orders.placed')
      assert.equal(delivery.group, 'billing')
      assert.equal(delivery.key, 'customer-1')
      assert.equal(delivery.attempt, 1)
      assert.equal(delivery.redelivered, false)
    }
    const positions = seen.deliveries.map(d => d.position).filter(p => p !== undefined)
    assert.equal(new Set(positions).size, positions.length, 'two deliveries share a position')
  },
}

export const deliveryCases: readonly ConformanceCase[] = [
  roundTrip('binary'),
  roundTrip('structured'),
  everyEventOnce,
  manyPublishersAndSubscribers,
  manyTopics,
  durableGroup,
  subscribeThenPublish,
  broadcastThenPublish,
  receipt,
  ...publishOutcomeCases,
]
