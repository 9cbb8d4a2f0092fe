import assert from 'node:assert/strict'
import type { Bus } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { answer, Quote } from '../requests/quote.ts'
import { ids, item, sorted } from '../support/items.ts'
import { rejection } from '../support/rejection.ts'
import { witness } from '../support/witness.ts'

const uses: readonly { readonly name: string; readonly use: (bus: Bus) => Promise<unknown> }[] = [
  { name: 'publish', use: bus => bus.publish('jobs', item('late')) },
  { name: 'publishBatch', use: bus => bus.publishBatch([{ topic: 'jobs', event: item('late') }]) },
  { name: 'subscribe', use: bus => bus.subscribe('jobs', { group: 'late' }, () => {}) },
  { name: 'stream', use: async bus => bus.stream('jobs', { group: 'late' }).ready() },
  { name: 'request', use: bus => bus.request(Quote, { sku: 'late' }) },
  { name: 'respond', use: bus => bus.respond(Quote, { group: 'late' }, ({ input }) => answer(input.sku)) },
  { name: 'queueStats', use: bus => bus.queueStats('jobs', 'workers') },
  { name: 'deadLetters', use: async bus => bus.deadLetters('jobs', 'workers').list() },
  { name: 'verifyTopology', use: bus => bus.verifyTopology() },
]

const useAfter: ConformanceCase = {
  id: 'shutdown.use-after-close@1',
  title: 'A closed bus refuses every call with BUS_CLOSED',
  requires: ['subscribe.group'],
  covers: [98],
  permutations: uses.flatMap(one => [
    { ...one, stop: 'close' },
    { ...one, name: `${one.name} after drain`, stop: 'drain' },
  ]),
  run: async (t, { use, stop }) => {
    const bus = await t.bus()
    await bus.subscribe('jobs', { group: 'workers' }, () => {})
    await t.within(stop === 'drain' ? bus.drain() : bus.close(), 'the bus to stop')
    await t.within(
      rejection((use as (bus: Bus) => Promise<unknown>)(bus), 'BUS_CLOSED'),
      'the refusal',
      5_000,
    )
    assert.equal(bus.health.status, 'closed')
  },
}

const twice: ConformanceCase = {
  id: 'shutdown.twice@1',
  title: 'Closing twice, at once or later, is fine, and so is leaving the scope of `await using`',
  requires: ['subscribe.group'],
  covers: [98],
  run: async t => {
    const bus = await t.bus()
    const subscription = await bus.subscribe('jobs', { group: 'workers' }, () => {})
    await t.within(Promise.all([bus.close(), bus.close()]), 'both closes')
    await t.within(bus.close(), 'the third close')
    await t.within(bus.drain(), 'a drain after it')
    await t.within(subscription.close(), 'the subscription’s close after it')
    assert.equal(subscription.state, 'closed')

    const other = await t.bus()
    await t.within(Promise.resolve(other[Symbol.asyncDispose]()), 'the disposal')
    assert.equal(other.health.status, 'closed')
    const third = await t.bus()
    await t.within(Promise.all([third.drain(), third.drain(), third.close()]), 'drains and a close at once')
  },
}

const churn: ConformanceCase = {
  id: 'shutdown.churn@1',
  title: 'Subscribing and closing over and over, while events flow, never gets stuck and loses nothing',
  requires: ['subscribe.group', 'settle.release'],
  covers: [44, 100],
  run: async t => {
    const bus = await t.bus()
    const names = ids('job', 40)
    const seen = witness(t)
    for (const [n, id] of names.entries()) {
      const joining = bus.subscribe('jobs', { group: 'workers' }, seen.handle)
      const subscription = await t.within(joining, `subscription ${n}`, 10_000)
      await bus.publish('jobs', item(id))
      const ending = n % 2 === 0 ? subscription.close() : subscription.drain({ deadline: 5_000 })
      await t.within(ending, `the end of subscription ${n}`, 10_000)
    }
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.until(() => names.every(id => seen.starts(id) > 0), 'every event')
    assert.deepEqual(sorted(new Set(seen.ids)), sorted(names))
    assert.deepEqual(t.backgroundErrors, [])
  },
}

const leaks: ConformanceCase = {
  id: 'shutdown.cycles@1',
  title: 'A bus that was used and closed leaves nothing behind, however often',
  requires: ['subscribe.group', 'request.reply', 'retry.durable'],
  covers: [133, 134],
  run: async t => {
    for (let cycle = 0; cycle < 5; cycle++) {
      const bus = await t.bus()
      const seen = witness(t, d => {
        if (d.attempt === 1) throw new Error('for now')
      })
      await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
      await bus.respond(Quote, { group: 'pricing' }, ({ input }) => answer(input.sku))
      await bus.publish('jobs', item(`job-${cycle}`))
      await t.within(bus.request(Quote, { sku: 'a' }), 'the answer')
      await t.until(() => seen.starts(`job-${cycle}`) === 2, 'the retry')
      await t.within(cycle % 2 === 0 ? bus.close() : bus.drain(), 'the bus to stop')
      assert.deepEqual(
        bus.health.subscriptions.filter(s => s.state !== 'closed'),
        [],
      )
      assert.equal(bus.stats.publishing, 0)
      assert.equal(bus.stats.requests.pending, 0)
    }
    assert.deepEqual(t.backgroundErrors, [])
  },
}

export const closedCases = [useAfter, twice, churn, leaks]
