import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered, settled } from '../support/dead.ts'
import { ids, item, publishItems, sorted } from '../support/items.ts'
import { emptied } from '../support/quiet.ts'
import { reader } from '../support/reader.ts'
import { after } from '../support/retries.ts'
import { witness } from '../support/witness.ts'
import { buried, rejectAll } from './graveyard.ts'

const once: ConformanceCase = {
  id: 'dead-letters.once@1',
  title:
    'Failed events are dead-lettered once each, leave the queue, and those that were handled are not among them',
  requires: ['subscribe.group', 'dead-letter.store', 'retry.durable'],
  covers: [64],
  run: async t => {
    const bus = await t.bus()
    const doomed = ids('doomed', 12)
    const fine = ids('fine', 12)
    const seen = witness(t, d => {
      if (doomed.includes(d.event.id)) throw new Error('always')
    })
    const subscription = await bus.subscribe('jobs', { group: 'workers', retry: after(2, 20) }, seen.handle)
    await publishItems(
      bus,
      'jobs',
      doomed.flatMap((id, n) => [id, fine[n] ?? '']),
    )
    await deadLettered(t, bus, 'jobs', 'workers', doomed.length)
    await t.until(() => fine.every(id => seen.starts(id) === 1), 'the others to be handled')
    await settled(t, subscription)
    await subscription.drain()
    await emptied(t, bus, 'jobs', 'workers')

    assert.deepEqual(sorted((await buried(bus)).map(String)), sorted(doomed))
    assert.equal(subscription.stats.deadLettered, doomed.length)
    for (const id of doomed) assert.equal(seen.starts(id), 2)
  },
}

const writeFails: ConformanceCase = {
  id: 'dead-letters.write-fails@1',
  title: 'While the dead-letter queue cannot be written the event stays, and arrives there once it can',
  requires: ['subscribe.group', 'dead-letter.store'],
  faults: ['fail-dead-letter'],
  covers: [66],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t, rejectAll)
    await t.faults.failDeadLetters(3)
    const subscription = await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await bus.publish('jobs', item('doomed'))
    const letters = await deadLettered(t, bus, 'jobs', 'workers')
    await settled(t, subscription)

    assert.equal(letters.length, 1)
    assert.equal(letters[0]?.event?.id, 'doomed')
    await emptied(t, bus, 'jobs', 'workers')
    assert.deepEqual(await buried(bus), ['doomed'])
  },
}

const writeFailsThenStops: ConformanceCase = {
  id: 'dead-letters.write-fails-then-stops@1',
  title: 'An event whose dead letter cannot be written is still there for the next process',
  requires: ['subscribe.group', 'dead-letter.store'],
  faults: ['fail-dead-letter', 'crash'],
  covers: [66],
  run: async t => {
    const first = await t.bus({ client: 'first' })
    const tried = witness(t, rejectAll)
    await t.faults.failDeadLetters(1_000)
    await first.subscribe('jobs', { group: 'workers', lease: 2_000 }, tried.handle)
    await first.publish('jobs', item('doomed'))
    await t.until(() => tried.deliveries.length > 0, 'the handler to reject it')
    await t.faults.crash('first')
    await t.faults.failDeadLetters(0)

    const second = await t.bus({ client: 'second' })
    const seen = witness(t, rejectAll)
    await second.subscribe('jobs', { group: 'workers', lease: 2_000 }, seen.handle)
    const letters = await deadLettered(t, second, 'jobs', 'workers')
    assert.deepEqual(
      letters.map(l => l.event?.id),
      ['doomed'],
    )
  },
}

const batchItems: ConformanceCase = {
  id: 'dead-letters.batch-items@1',
  title:
    'Of a batch, only the items that failed are retried and dead-lettered; a missing outcome counts as failed',
  requires: ['subscribe.group', 'dead-letter.store', 'retry.durable'],
  covers: [69, 87],
  run: async t => {
    const bus = await t.bus()
    const names = ids('job', 6)
    const starts = new Map<string, number>()
    const options = { group: 'workers', batch: { max: 3 }, retry: after(2, 20) }
    await bus.subscribeBatch('jobs', options, batch =>
      batch.map(({ event: { id } }) => {
        starts.set(id, (starts.get(id) ?? 0) + 1)
        if (id === 'job-1') return new Error('this one fails')
        return id === 'job-4' ? undefined : 'ack'
      }),
    )
    await publishItems(bus, 'jobs', names)
    const letters = await deadLettered(t, bus, 'jobs', 'workers', 2)
    await t.until(() => names.every(id => starts.has(id)), 'every item to be handled')

    assert.deepEqual(sorted(letters.map(l => String(l.event?.id))), ['job-1', 'job-4'])
    for (const id of names) assert.equal(starts.get(id), ['job-1', 'job-4'].includes(id) ? 2 : 1, id)
    assert.equal(letters.find(l => l.event?.id === 'job-1')?.error.message, 'this one fails')
  },
}

const byHand: ConformanceCase = {
  id: 'dead-letters.by-hand@1',
  title: 'A stream can dead-letter an event by hand, with a reason in its own words',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [64, 65],
  run: async t => {
    const bus = await t.bus()
    const stream = bus.stream('jobs', { group: 'workers' })
    const deliveries = await reader(t, stream)
    await bus.publish('jobs', item('strange'))
    await bus.publish('jobs', item('fine'))
    const taken = await deliveries.take(2)
    for (const delivery of taken) {
      const settling = delivery.event.id === 'strange' ? delivery.deadLetter('not ours') : delivery.ack()
      await t.within(settling, 'the settlement')
    }
    const letters = await deadLettered(t, bus, 'jobs', 'workers')
    await stream.close()

    assert.deepEqual(
      letters.map(l => [l.event?.id, l.error.message]),
      [['strange', 'not ours']],
    )
    await emptied(t, bus, 'jobs', 'workers')
  },
}

const survives: ConformanceCase = {
  id: 'dead-letters.survive-restart@1',
  title: 'Dead letters survive a restart of the broker, with what is known of why',
  requires: ['subscribe.group', 'dead-letter.store'],
  faults: ['restart-broker'],
  covers: [105, 65],
  run: async t => {
    const bus = await t.bus()
    await bus.subscribe('jobs', { group: 'workers' }, rejectAll)
    await bus.publish('jobs', item('doomed'))
    const before = await deadLettered(t, bus, 'jobs', 'workers')
    await t.within(t.faults.restartBroker(), 'the restart')
    await t.until(() => bus.health.status === 'live', 'the bus to be back')
    assert.deepEqual(await deadLettered(t, bus, 'jobs', 'workers'), before)
  },
}

export const writingCases = [once, writeFails, writeFailsThenStops, batchItems, byHand, survives]
