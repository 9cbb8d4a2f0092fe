import assert from 'node:assert/strict'
import { Reject } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { settled } from '../support/dead.ts'
import { gate } from '../support/gate.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { OrderPlaced } from '../support/orders.ts'
import { after } from '../support/retries.ts'
import { witness } from '../support/witness.ts'

class Harmless extends Error {}

const subscription: ConformanceCase = {
  id: 'observability.stats@1',
  title:
    'A subscription counts what became of its events: handled, retried, dead-lettered, ignored, unhandled',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [131],
  run: async t => {
    const bus = await t.bus()
    const retry = { ...after(3, 50), classify: [{ error: Harmless, to: 'ignore' as const }] }
    const counted = await bus.subscribe(OrderPlaced, { group: 'workers', retry }, ({ data, attempt }) => {
      if (data.order === 'shaky' && attempt === 1) throw new Error('for now')
      if (data.order === 'rejected') throw new Reject('never')
      if (data.order === 'harmless') throw new Harmless('whatever')
    })
    for (const order of ['fine', 'good', 'shaky', 'rejected', 'harmless']) {
      await bus.publish(OrderPlaced, { order, total: 1 })
    }
    await bus.publish('orders', item('other', { type: 'com.example.other' }))
    await t.until(
      () => counted.stats.handled === 3 && counted.stats.deadLettered === 1,
      'the events to be handled',
    )
    await t.until(
      () => counted.stats.unhandled === 1 && counted.stats.ignored === 1,
      'the others to be counted',
    )
    await settled(t, counted)

    const {
      handled,
      retried,
      deadLettered,
      ignored,
      unhandled,
      running,
      held,
      released,
      lost,
      expired,
      dropped,
    } = counted.stats
    assert.deepEqual(
      { handled, retried, deadLettered, ignored, unhandled, running, held, released, lost, expired, dropped },
      {
        handled: 3,
        retried: 1,
        deadLettered: 1,
        ignored: 1,
        unhandled: 1,
        running: 0,
        held: 0,
        released: 0,
        lost: 0,
        expired: 0,
        dropped: 0,
      },
    )
    assert.equal(bus.stats.published, 6)
    assert.equal(bus.stats.publishFailed, 0)
    assert.equal(bus.stats.subscriptions[0]?.handled, 3)
  },
}

const backlog: ConformanceCase = {
  id: 'observability.queue-stats@1',
  title:
    'The broker’s numbers of a group say what waits, what is being handled, what is delayed and what is dead',
  requires: ['subscribe.group', 'stats.backlog', 'retry.durable', 'dead-letter.store'],
  covers: [131],
  run: async t => {
    const bus = await t.bus()
    const busy = gate()
    const seen = witness(t, d => {
      if (d.event.id.startsWith('failing')) throw new Error('for now')
      if (d.event.id === 'dead') throw new Reject('never')
      return busy.passed(d.signal)
    })
    const options = { group: 'workers', concurrency: 2, prefetch: 2, retry: after(5, 600_000) }
    await bus.subscribe('jobs', options, seen.handle)
    for (const id of ['dead', ...ids('failing', 3)]) await bus.publish('jobs', item(id))
    await t.until(() => seen.deliveries.length === 4, 'those to fail')
    await publishItems(bus, 'jobs', ids('job', 6))
    await t.until(() => seen.deliveries.length === 6, 'two of the others to be running')
    await t.until(
      async () => {
        const { ready, inFlight, delayed, dead } = await bus.queueStats('jobs', 'workers')
        // What a broker cannot tell it leaves out.
        return ready === 4 && (inFlight ?? 2) === 2 && (delayed ?? 3) === 3 && (dead ?? 1) === 1
      },
      '4 waiting, 2 in flight, 3 delayed, 1 dead',
      10_000,
    )
    busy.open()
    await t.until(
      async () => {
        const { ready, inFlight, delayed } = await bus.queueStats('jobs', 'workers')
        return ready === 0 && (inFlight ?? 0) === 0 && (delayed ?? 3) === 3
      },
      'only the delayed ones to be left',
      10_000,
    )
  },
}

const lag: ConformanceCase = {
  id: 'observability.lag@1',
  title: 'A group’s lag is what was published and not yet settled by it',
  requires: ['subscribe.group', 'stats.lag'],
  covers: [131],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    const first = await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await first.close()
    await publishItems(bus, 'jobs', ids('job', 7))
    await t.until(async () => (await bus.queueStats('jobs', 'workers')).lag === 7, 'a lag of 7', 10_000)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.until(async () => (await bus.queueStats('jobs', 'workers')).lag === 0, 'no lag', 10_000)
    assert.equal(seen.deliveries.length, 7)
  },
}

const publishes: ConformanceCase = {
  id: 'observability.publish-stats@1',
  title: 'A bus counts what it published, what failed, and what it had to send again',
  requires: ['publish.confirm'],
  faults: ['lose-confirm'],
  covers: [131],
  run: async t => {
    const bus = await t.bus({ client: 'publisher' })
    await publishItems(bus, 'jobs', ids('job', 3))
    await bus.publish('jobs', item('given-up'), { signal: AbortSignal.abort() }).catch(() => undefined)
    await t.faults.loseConfirms('publisher', 1)
    await t.within(bus.publish('jobs', item('again')), 'the confirmation')
    const { published, publishFailed, publishRetried, publishing } = bus.stats
    assert.deepEqual(
      { published, publishFailed, publishRetried, publishing },
      { published: 4, publishFailed: 1, publishRetried: 1, publishing: 0 },
    )
  },
}

export const numberCases = [subscription, backlog, lag, publishes]
