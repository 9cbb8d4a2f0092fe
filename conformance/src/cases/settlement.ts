import assert from 'node:assert/strict'
import { Reject } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { manualSettlementCases } from './settlement/by-hand.ts'
import { deadLettered } from './support/dead.ts'
import { idOf, ids, item, publishItems } from './support/items.ts'
import { elapsed } from './support/passing-time.ts'
import { emptied, quiet } from './support/quiet.ts'
import { recorder } from './support/recorder.ts'
import { atOnce, Failure } from './support/retries.ts'

const failureIsRedelivered: ConformanceCase = {
  id: 'settlement.failure-is-redelivered@1',
  title: 'An event whose handler fails, in whatever way, is delivered again and not dropped',
  requires: ['subscribe.group'],
  covers: [12, 13, 25],
  permutations: [
    { name: 'synchronous-throw', fail: () => thrown(new Failure('no')) },
    { name: 'asynchronous-rejection', fail: () => Promise.reject(new Failure('no')) },
    { name: 'throws-undefined', fail: () => thrown(undefined) },
    { name: 'throws-a-string', fail: () => thrown('no') },
  ],
  async run(t, { fail }) {
    const bus = await t.bus()
    const seen = recorder()
    let starts = 0
    // Not the recorder's own handler, which is asynchronous: a handler may also throw before it returns a promise.
    const subscription = await bus.subscribe('orders', { group: 'billing', retry: atOnce(3) }, delivery => {
      if (delivery.event.id === 'bad' && ++starts === 1) return (fail as () => unknown)()
      return seen.handler(delivery)
    })
    await publishItems(bus, 'orders', ['good', 'bad'])
    await t.until(() => seen.done.length === 2, 'both events to be handled')
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(['good', 'bad'])
    assert.equal(starts, 2)
    assert.equal(subscription.stats.retried, 1)
    assert.equal(subscription.stats.deadLettered, 0)
  },
}

const hundredsOfRetries: ConformanceCase = {
  id: 'settlement.hundreds-of-retries@1',
  title: 'Hundreds of events that fail once are each delivered once more, and then nothing is left',
  requires: ['subscribe.group', 'stats.backlog'],
  covers: [14, 12],
  async run(t) {
    const bus = await t.bus()
    const seen = recorder((_, start) => {
      if (start === 1) throw new Failure('the first time')
    })
    await bus.subscribe('orders', { group: 'billing', retry: atOnce(5) }, seen.handler)
    const names = ids('order', 300)
    await publishItems(bus, 'orders', names)
    await t.until(() => seen.done.length >= names.length, 'all to be handled')
    await emptied(t, bus, 'orders', 'billing')
    seen.assertExactly([...names, ...names])
  },
}

const changesDoNotLeak: ConformanceCase = {
  id: 'settlement.changes-do-not-leak@1',
  title: 'What a handler does to its delivery is not seen by the next attempt, nor by another group',
  requires: ['subscribe.group'],
  covers: [20],
  async run(t) {
    const bus = await t.bus()
    const seen = recorder((delivery, start) => {
      if (start > 1) return
      vandalise(() => Object.assign(delivery.event, { tenant: 'changed', extra: 'added' }))
      vandalise(() => (delivery.data as { list: string[] }).list.push('added'))
      vandalise(() => (delivery.headers as unknown as [string, string][]).push(['x-added', 'yes']))
      vandalise(() => delivery.body?.fill(0))
      throw new Failure('again')
    })
    const other = recorder()
    await bus.subscribe('orders', { group: 'billing', retry: atOnce(3) }, seen.handler)
    await bus.subscribe('orders', { group: 'shipping' }, other.handler)
    const event = item('a', { data: { list: ['one'] }, tenant: 'north' })
    await bus.publish('orders', event, { headers: [['x-kept', 'yes']] })
    await t.until(() => seen.done.length === 1 && other.done.length === 1, 'both groups')
    for (const delivery of [seen.deliveries[1], other.deliveries[0]]) {
      assert.deepEqual(delivery?.data, { list: ['one'] })
      assert.deepEqual(delivery.event.data, { list: ['one'] })
      assert.equal(delivery.event.tenant, 'north')
      assert.ok(!('extra' in delivery.event))
      assert.deepEqual(delivery.headers, [['x-kept', 'yes']])
      assert.deepEqual(JSON.parse(new TextDecoder().decode(delivery.body ?? undefined)), { list: ['one'] })
    }

    function vandalise(change: () => unknown) {
      try {
        change()
      } catch {
        // A frozen delivery is fine too.
      }
    }
  },
}

const longHandler: ConformanceCase = {
  id: 'settlement.long-handler-keeps-its-event@1',
  title: 'A handler that runs for several leases keeps its event: nobody else gets it, and its ack counts',
  requires: ['lease.extend', 'subscribe.group'],
  covers: [24],
  async run(t) {
    const lease = 2_000
    const first = await t.bus()
    const second = await t.bus()
    const seen = recorder(() => elapsed(t, 3.5 * lease))
    const members = await Promise.all(
      [first, second].map(bus => bus.subscribe('orders', { group: 'billing', lease }, seen.handler)),
    )
    await publishItems(first, 'orders', ['a', 'b'])
    await t.until(() => seen.done.length >= 2, 'both handlers to end')
    await quiet(
      t,
      first,
      'orders',
      members.map(subscription => ({ recorder: seen, subscription })),
    )
    seen.assertExactly(['a', 'b'])
    assert.ok(
      members.every(m => m.stats.lost === 0),
      'no delivery was taken away',
    )
  },
}

const failingSettlements: ConformanceCase = {
  id: 'settlement.failing-settlements@1',
  title:
    'Settlements that the broker refuses are tried again: nothing is lost, and nothing brings the process down',
  requires: ['subscribe.group', 'stats.backlog'],
  faults: ['fail-settlement'],
  covers: [26],
  async run(t) {
    const bus = await t.bus({ client: 'consumer' })
    const seen = recorder((delivery, start) => {
      if (delivery.event.id.startsWith('retried') && start === 1) throw new Failure('again')
      if (delivery.event.id.startsWith('rejected')) throw new Reject('never')
    })
    await bus.subscribe('orders', { group: 'billing', retry: atOnce(3) }, seen.handler)
    for (const kind of ['acked', 'retried', 'rejected']) {
      await t.faults.failSettlements('consumer', 3)
      await publishItems(bus, 'orders', ids(kind, 5))
      await t.until(() => ids(kind, 5).every(id => seen.starts(id) > 0), `the events that are ${kind}`)
      await emptied(t, bus, 'orders', 'billing')
    }
    // A failed settlement is sent again while the event is still ours: no handler runs more often for it.
    const attempts = (id: string) => seen.deliveries.filter(d => idOf(d) === id).map(d => d.attempt)
    for (const id of [...ids('acked', 5), ...ids('rejected', 5)]) assert.deepEqual(attempts(id), [1], id)
    for (const id of ids('retried', 5)) assert.deepEqual(attempts(id), [1, 2], id)
    const dead = await deadLettered(t, bus, 'orders', 'billing', 5)
    assert.deepEqual(new Set(dead.map(letter => letter.event?.id)), new Set(ids('rejected', 5)))
  },
}

const failingErrorHandler: ConformanceCase = {
  id: 'settlement.failing-error-handler@1',
  title:
    'An error handler, a logger or an observer that throws stops neither the process nor the subscription',
  requires: ['subscribe.group'],
  covers: [27],
  async run(t) {
    const fails = () => thrown(new Failure('from an observer'))
    const bus = await t.bus({
      onError: fails,
      logger: { debug: fails, info: fails, warn: fails, error: fails },
      instrumentation: { settled: fails, handle: (_, run) => run() },
    })
    const seen = recorder((_, start) => {
      if (start === 1) throw new Failure('the first time')
    })
    const subscription = await bus.subscribe('orders', { group: 'billing', retry: atOnce(3) }, seen.handler)
    await publishItems(bus, 'orders', ids('order', 5))
    await t.until(() => seen.done.length >= 5, 'all events')
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly([...ids('order', 5), ...ids('order', 5)])
  },
}

const publishInFailedHandler: ConformanceCase = {
  id: 'settlement.publish-in-failed-handler@1',
  title: 'What a handler published before it failed stays published: handlers are not transactions',
  requires: ['subscribe.group'],
  covers: [28],
  async run(t) {
    const bus = await t.bus()
    const published = recorder()
    const subscription = await bus.subscribe('invoices', { group: 'archive' }, published.handler)
    const seen = recorder(async (delivery, start) => {
      await bus.publish('invoices', item(`invoice-${start}`))
      if (delivery.attempt < 3) throw new Failure('after publishing')
    })
    await bus.subscribe('orders', { group: 'billing', retry: atOnce(5) }, seen.handler)
    await bus.publish('orders', item('a'))
    await t.until(() => seen.done.length === 1, 'the event to be handled')
    await quiet(t, bus, 'invoices', [{ recorder: published, subscription }])
    published.assertExactly(['invoice-1', 'invoice-2', 'invoice-3'])
  },
}

function thrown(error: unknown): never {
  throw error
}

export const settlementCases: readonly ConformanceCase[] = [
  failureIsRedelivered,
  hundredsOfRetries,
  changesDoNotLeak,
  longHandler,
  failingSettlements,
  failingErrorHandler,
  publishInFailedHandler,
  ...manualSettlementCases,
]
