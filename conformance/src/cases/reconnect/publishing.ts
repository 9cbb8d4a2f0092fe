import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { ids, item, sorted } from '../support/items.ts'
import { rejection } from '../support/rejection.ts'
import { witness } from '../support/witness.ts'

const acrossCut: ConformanceCase = {
  id: 'reconnect.publish-across-cut@1',
  title: 'Publishes made while the link is broken are confirmed once it is back, and arrive',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [9, 106],
  run: async t => {
    const consumer = await t.bus({ client: 'consumer' })
    const seen = witness(t)
    await consumer.subscribe('jobs', { group: 'workers' }, seen.handle)
    const publisher = await t.bus({ client: 'publisher' })
    await publisher.publish('jobs', item('before'))
    const names = ids('job', 20)
    const inFlight = names.slice(0, 10).map(id => publisher.publish('jobs', item(id)))
    await t.faults.cut('publisher')
    const waiting = names.slice(10).map(id => publisher.publish('jobs', item(id)))
    await t.pass(300)
    await t.faults.heal('publisher')
    const receipts = await t.within(Promise.all([...inFlight, ...waiting]), 'every confirmation')

    assert.deepEqual(
      receipts.map(receipt => receipt.id),
      names,
    )
    await t.until(() => names.every(id => seen.starts(id) > 0), 'every event')
  },
}

const settlesInTime: ConformanceCase = {
  id: 'reconnect.publish-settles@1',
  title:
    'A publish that the broker never answers rejects at its timeout, saying whether the event may be stored',
  requires: ['publish.confirm'],
  faults: ['cut', 'stall', 'heal'],
  covers: [9, 106],
  permutations: [{ name: 'link broken' }, { name: 'link silent' }],
  run: async (t, { name }) => {
    const bus = await t.bus({ client: 'victim' })
    await bus.publish('jobs', item('before'))
    await (name === 'link broken' ? t.faults.cut('victim') : t.faults.stall('victim'))
    const began = t.clock.now()
    const publishing = bus.publish('jobs', item('during'), { timeout: 1_000 })
    const error = await t.within(
      rejection(publishing, 'PUBLISH_UNKNOWN', 'PUBLISH_FAILED'),
      'the rejection',
      10_000,
    )
    assert.ok(t.clock.now() - began >= 1_000, 'it gave up before its timeout')
    assert.equal(error.retryable, true)
    await t.faults.heal('victim')
    await t.within(bus.publish('jobs', item('after')), 'the next publish')
    assert.equal(bus.stats.publishing, 0)
  },
}

const lostConfirm: ConformanceCase = {
  id: 'reconnect.lost-confirm@1',
  title: 'A publish whose confirmation was lost is sent again under the same id, and resolves',
  requires: ['subscribe.group'],
  faults: ['lose-confirm'],
  covers: [8, 9],
  run: async t => {
    const bus = await t.bus({ client: 'publisher' })
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.faults.loseConfirms('publisher', 2)
    const receipt = await t.within(bus.publish('jobs', item('once')), 'the confirmation')
    await bus.publish('jobs', item('after'))
    await t.until(() => seen.starts('after') === 1, 'the next event')

    assert.equal(receipt.id, 'once')
    assert.ok(seen.starts('once') >= 1, 'it was confirmed and is not there')
    assert.ok(bus.stats.publishRetried >= 1)
    assert.deepEqual([...new Set(seen.ids)], ['once', 'after'])
  },
}

const deduplicated: ConformanceCase = {
  id: 'reconnect.dedupe@1',
  title:
    'Where the broker drops copies, a publish sent again is stored once; the same id from another source is another event',
  requires: ['subscribe.group', 'publish.dedupe'],
  faults: ['lose-confirm'],
  covers: [10],
  run: async t => {
    const bus = await t.bus({ client: 'publisher' })
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await bus.subscribe('tasks', { group: 'workers' }, seen.handle)
    await t.faults.loseConfirms('publisher', 1)
    await t.within(bus.publish('jobs', item('same')), 'the confirmation')
    await bus.publish('jobs', item('same', { source: '/another' }))
    await bus.publish('tasks', item('same'))
    await bus.publish('jobs', item('last'))
    await bus.publish('tasks', item('last'))
    await t.until(() => seen.starts('last') === 2, 'the last events')

    const same = seen.deliveries.filter(d => d.event.id === 'same').map(d => `${d.topic} ${d.event.source}`)
    assert.deepEqual(sorted(same), ['jobs /another', 'jobs /conformance', 'tasks /conformance'])
  },
}

const refused: ConformanceCase = {
  id: 'reconnect.refused@1',
  title:
    'A publish that the broker refuses for now is tried again; one it keeps refusing fails as surely not stored',
  requires: ['subscribe.group'],
  faults: ['refuse-publish'],
  covers: [8, 9],
  run: async t => {
    const bus = await t.bus({ client: 'publisher' })
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.faults.refusePublishes('publisher', 2)
    await t.within(bus.publish('jobs', item('shaky')), 'the confirmation')
    await t.faults.refusePublishes('publisher', 1_000_000)
    const doomed = bus.publish('jobs', item('doomed'), { timeout: 1_500 })
    await t.within(rejection(doomed, 'PUBLISH_FAILED'), 'the failure', 10_000)
    await t.faults.refusePublishes('publisher', 0)
    await bus.publish('jobs', item('last'))
    await t.until(() => seen.starts('last') === 1, 'the last event')
    assert.deepEqual(seen.ids, ['shaky', 'last'])
  },
}

const downAtStart: ConformanceCase = {
  id: 'reconnect.down-at-start@1',
  title: 'A bus whose broker is out of reach at start fails typed and in bounded time',
  requires: ['publish.confirm'],
  faults: ['cut', 'heal'],
  covers: [113],
  run: async t => {
    await t.bus({ client: 'first' })
    await t.faults.cut()
    const error = await t.within(
      rejection(t.bus({ client: 'late' }), 'CONNECTION_FAILED'),
      'the failure',
      60_000,
    )
    assert.equal(error.retryable, true)
    await t.faults.heal()
    const bus = await t.within(t.bus({ client: 'later' }), 'the connection')
    await t.within(bus.publish('jobs', item('after')), 'the publish')
  },
}

export const publishingFaultCases = [
  acrossCut,
  settlesInTime,
  lostConfirm,
  deduplicated,
  refused,
  downAtStart,
]
