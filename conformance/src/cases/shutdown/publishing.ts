import assert from 'node:assert/strict'
import { isBusError } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { ids, item, publishItems, sorted } from '../support/items.ts'
import { rejection } from '../support/rejection.ts'
import { witness } from '../support/witness.ts'

const drainFlushes: ConformanceCase = {
  id: 'shutdown.drain-flushes@1',
  title: 'Draining sees every publish through that was made before it',
  requires: ['subscribe.group'],
  covers: [88, 103],
  run: async t => {
    const consumer = await t.bus()
    const seen = witness(t)
    await consumer.subscribe('jobs', { group: 'workers' }, seen.handle)
    const leaving = await t.bus()
    const names = ids('job', 200)
    const publishes = Promise.allSettled(names.map(id => leaving.publish('jobs', item(id))))
    await t.within(leaving.drain(), 'the drain')
    const results = await t.within(publishes, 'the publishes')

    assert.ok(
      results.every(result => result.status === 'fulfilled'),
      'a publish did not survive the drain',
    )
    await t.until(() => new Set(seen.ids).size === names.length, 'every event')
    assert.deepEqual(sorted(seen.ids), sorted(names))
  },
}

const closeSettles: ConformanceCase = {
  id: 'shutdown.close-settles-publishes@1',
  title:
    'Closing settles every publish that is under way: confirmed, or rejected; none hangs, and none confirmed is lost',
  requires: ['subscribe.group'],
  covers: [9, 103],
  run: async t => {
    const consumer = await t.bus()
    const seen = witness(t)
    await consumer.subscribe('jobs', { group: 'workers' }, seen.handle)
    const leaving = await t.bus()
    const names = ids('job', 200)
    const publishes = Promise.allSettled(names.map(id => leaving.publish('jobs', item(id))))
    await t.within(leaving.close(), 'the bus to close', 15_000)
    const results = await t.within(publishes, 'every publish to settle', 1_000)

    const confirmed: string[] = []
    for (const [n, result] of results.entries()) {
      if (result.status === 'fulfilled') confirmed.push(names[n] ?? '')
      else assert.ok(isBusError(result.reason), `publish ${n} rejected with ${String(result.reason)}`)
    }
    await t.until(() => confirmed.every(id => seen.starts(id) > 0), 'every confirmed event')
  },
}

const flush: ConformanceCase = {
  id: 'shutdown.flush@1',
  title: 'Flushing waits for every publish so far',
  requires: ['publish.confirm'],
  covers: [88],
  run: async t => {
    const bus = await t.bus()
    const publishes = Promise.all(ids('job', 100).map(id => bus.publish('jobs', item(id))))
    const counted = bus.flush().then(() => bus.stats)
    const { published, publishing } = await t.within(counted, 'the flush')
    assert.deepEqual({ published, publishing }, { published: 100, publishing: 0 })
    await publishes
  },
}

const abortedPublish: ConformanceCase = {
  id: 'shutdown.aborted-publish@1',
  title: 'A publish whose signal has aborted already is refused and not sent',
  requires: ['subscribe.group'],
  covers: [99],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await rejection(bus.publish('jobs', item('given-up'), { signal: AbortSignal.abort() }), 'ABORTED')
    await publishItems(bus, 'jobs', ['sent'], { signal: new AbortController().signal })
    await t.until(() => seen.deliveries.length > 0, 'the other event')
    assert.deepEqual(seen.ids, ['sent'])
  },
}

const abortWhileAway: ConformanceCase = {
  id: 'shutdown.abort-while-away@1',
  title: 'A publish that waits for a broker out of reach can be given up',
  requires: ['publish.confirm'],
  faults: ['cut', 'heal'],
  covers: [9, 99],
  run: async t => {
    const bus = await t.bus({ client: 'victim' })
    await bus.publish('jobs', item('before'))
    await t.faults.cut('victim')
    const controller = new AbortController()
    const publishing = bus.publish('jobs', item('during'), { signal: controller.signal })
    const given = rejection(publishing, 'ABORTED', 'PUBLISH_UNKNOWN')
    controller.abort()
    await t.within(given, 'the publish to be given up', 5_000)
    await t.faults.heal('victim')
    await t.within(bus.publish('jobs', item('after')), 'the next publish')
    assert.equal(bus.stats.publishing, 0)
  },
}

export const publishingCases = [drainFlushes, closeSettles, flush, abortedPublish, abortWhileAway]
