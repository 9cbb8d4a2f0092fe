import assert from 'node:assert/strict'
import type { ConformanceCase } from '../model/case.ts'
import { pauseCases } from './backpressure/pausing.ts'
import { publishLimitCases } from './backpressure/publishing.ts'
import { gate } from './support/gate.ts'
import { ids, publishItems } from './support/items.ts'
import { elapsed } from './support/passing-time.ts'
import { quiet } from './support/quiet.ts'
import { reader } from './support/reader.ts'
import { recorder } from './support/recorder.ts'

const inFlightLimit: ConformanceCase = {
  id: 'backpressure.in-flight-limit@1',
  title:
    'No more handlers run than the concurrency, nor more events are held than the prefetch, at any moment',
  requires: ['subscribe.group', 'stats.backlog'],
  covers: [89, 92],
  permutations: [
    { name: '1-of-1', concurrency: 1, prefetch: 1 },
    { name: '4-of-8', concurrency: 4, prefetch: 8 },
    { name: '16-of-64', concurrency: 16, prefetch: 64 },
  ],
  async run(t, permutation) {
    const concurrency = Number(permutation.concurrency)
    const prefetch = Number(permutation.prefetch)
    const publisher = await t.bus()
    const bus = await t.bus()
    let mostHeld = 0
    const seen = recorder(async () => {
      mostHeld = Math.max(mostHeld, subscription.stats.held)
      await elapsed(t, 1 + Math.floor(t.random.next() * 20))
      mostHeld = Math.max(mostHeld, subscription.stats.held)
    })
    const subscription = await bus.subscribe(
      'orders',
      { group: 'billing', concurrency, prefetch },
      seen.handler,
    )
    const names = ids('order', 300)
    await publishItems(publisher, 'orders', names)
    await t.until(() => subscription.stats.held > 0, 'the first events')
    await t.until(async () => {
      const { inFlight } = await bus.queueStats('orders', 'billing')
      assert.ok((inFlight ?? 0) <= prefetch, `${inFlight} in flight at a limit of ${prefetch}`)
      return seen.done.length >= names.length
    }, 'all events')
    await quiet(t, publisher, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(names)
    assert.equal(seen.peak, concurrency, 'the most handlers at the same time')
    assert.ok(mostHeld <= prefetch, `${mostHeld} held at a limit of ${prefetch}`)
  },
}

const limitAmongMembers: ConformanceCase = {
  id: 'backpressure.backlog-stays-on-the-broker@1',
  title: 'Of a backlog a slow consumer holds its prefetch; the rest stays on the broker, for others to take',
  requires: ['subscribe.group', 'stats.backlog'],
  covers: [92, 89],
  async run(t) {
    const publisher = await t.bus()
    const options = { group: 'billing', concurrency: 2, prefetch: 5 }
    const never = gate()
    const slow = recorder(d => never.passed(d.signal))
    const bus = await t.bus()
    const stuck = await bus.subscribe('orders', options, slow.handler)
    const names = ids('order', 2_000)
    await publishItems(publisher, 'orders', names)
    await t.until(() => stuck.stats.held === 5, 'the prefetch to be full')
    const { ready, lag, inFlight, exact } = await bus.queueStats('orders', 'billing')
    if (exact && inFlight !== undefined) assert.equal(inFlight, 5)
    assert.ok((ready ?? lag ?? 0) >= 1_995, `${ready ?? lag} left on the broker`)
    assert.equal(slow.running, 2)

    const seen = recorder()
    await (await t.bus()).subscribe('orders', { group: 'billing' }, seen.handler)
    await t.until(() => seen.done.length >= 1_995, 'another member to take the rest')
    assert.equal(stuck.stats.held, 5)
    assert.equal(slow.deliveries.length, 2)
  },
}

const changedLive: ConformanceCase = {
  id: 'backpressure.concurrency-changed-live@1',
  title: 'A new concurrency takes effect at once, upwards and downwards, and running handlers are left alone',
  requires: ['subscribe.group'],
  covers: [90, 89],
  async run(t) {
    const bus = await t.bus()
    const gates = Array.from({ length: 40 }, () => gate())
    let started = 0
    const seen = recorder(d => gates[started++]?.passed(d.signal))
    const options = { group: 'billing', concurrency: 2, prefetch: 40 }
    const subscription = await bus.subscribe('orders', options, seen.handler)
    await publishItems(bus, 'orders', ids('order', 40))
    await t.until(() => seen.running === 2, 'two handlers')
    subscription.setConcurrency(6)
    await t.until(() => seen.running === 6, 'six handlers')
    subscription.setConcurrency(1)
    for (let n = 0; n < 5; n++) gates[n]?.open()
    await t.until(() => seen.done.length === 5, 'five of them to end')
    assert.equal(seen.deliveries.length, 6, 'another started while more ran than may')
    gates[5]?.open()
    await t.until(() => seen.done.length === 6 && seen.deliveries.length === 7, 'the next one')
    assert.equal(seen.running, 1)
    subscription.setConcurrency(3)
    await t.until(() => seen.running === 3, 'three handlers')
    for (const each of gates) each.open()
    await t.until(() => seen.done.length === 40, 'the rest')
    seen.assertExactly(ids('order', 40))
  },
}

const loweredHoldsLess: ConformanceCase = {
  id: 'backpressure.lowered-concurrency-holds-less@1',
  title:
    'A lowered concurrency lowers what is held in proportion, at the broker too; raising it again undoes that',
  requires: ['subscribe.group'],
  covers: [90, 89],
  async run(t) {
    const bus = await t.bus()
    const never = gate()
    const seen = recorder(d => never.passed(d.signal))
    const other = recorder()
    const options = { group: 'billing', concurrency: 8, prefetch: 32 }
    const subscription = await bus.subscribe('orders', options, seen.handler)
    const control = await bus.subscribe('orders', { group: 'control' }, other.handler)
    subscription.setConcurrency(1)
    await publishItems(bus, 'orders', ids('order', 60))
    await t.until(
      () => seen.running === 1 && subscription.stats.held >= 4,
      'the lowered limit to be used in full',
    )
    await quiet(t, bus, 'orders', [{ recorder: other, subscription: control }])
    assert.equal(subscription.stats.held, 4)
    assert.equal(seen.deliveries.length, 1)
    subscription.setConcurrency(8)
    await t.until(
      () => seen.running === 8 && subscription.stats.held >= 32,
      'the limit of before to be used in full',
    )
    await quiet(t, bus, 'orders', [{ recorder: other, subscription: control }])
    assert.equal(subscription.stats.held, 32)
  },
}

const restoredAfterReconnect: ConformanceCase = {
  id: 'backpressure.limits-after-reconnect@1',
  title: 'After a reconnect the limits hold as before: neither more in flight, nor less than they allow',
  requires: ['subscribe.group', 'stats.backlog'],
  faults: ['cut', 'heal'],
  covers: [91, 89],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const bus = await t.bus({ client: 'consumer' })
    let holding = gate()
    const seen = recorder(d => holding.passed(d.signal))
    const options = { group: 'billing', concurrency: 3, prefetch: 6, lease: 2_000, retry: { attempts: 50 } }
    const subscription = await bus.subscribe('orders', options, seen.handler)
    const names = ids('order', 60)
    await publishItems(publisher, 'orders', names)
    for (let round = 0; round < 3; round++) {
      await t.until(
        () => seen.running === 3 && subscription.stats.held === 6,
        'the limits to be used in full',
      )
      await t.faults.cut('consumer')
      await t.until(() => seen.running === 0, 'the handlers to be told')
      await t.faults.heal('consumer')
      await t.until(() => subscription.state === 'live', 'the subscription to be back')
    }
    await t.until(
      () => seen.running === 3 && subscription.stats.held === 6,
      'the limits to be used in full again',
    )
    const { inFlight } = await publisher.queueStats('orders', 'billing')
    assert.ok((inFlight ?? 0) <= 6, `${inFlight} in flight`)
    holding.open()
    holding = gate()
    holding.open()
    await t.until(() => new Set(seen.done).size >= names.length, 'every event')
    assert.equal(seen.peak, 3)
  },
}

const streamWindow: ConformanceCase = {
  id: 'backpressure.stream-holds-its-prefetch@1',
  title:
    'A stream holds no more unsettled events than its prefetch, and a settlement makes room for the next',
  requires: ['subscribe.group'],
  covers: [89],
  async run(t) {
    const bus = await t.bus()
    const stream = bus.stream('orders', { group: 'etl', prefetch: 3 })
    const events = await reader(t, stream)
    await publishItems(bus, 'orders', ids('order', 12))
    const taken = await events.take(3)
    assert.ok(stream.stats.held <= 3, `${stream.stats.held} held`)
    // Another member would be starved if this stream had taken more than its prefetch.
    const other = await t.bus()
    const seen = recorder()
    await other.subscribe('orders', { group: 'etl' }, seen.handler)
    await t.until(() => seen.done.length === 9, 'the rest to go to another member')
    for (const delivery of taken) await t.within(delivery.ack(), 'the ack')
    assert.equal(stream.stats.held, 0)
  },
}

export const backpressureCases: readonly ConformanceCase[] = [
  inFlightLimit,
  limitAmongMembers,
  changedLive,
  loweredHoldsLess,
  restoredAfterReconnect,
  streamWindow,
  ...pauseCases,
  ...publishLimitCases,
]
