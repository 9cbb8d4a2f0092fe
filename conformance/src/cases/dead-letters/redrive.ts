import assert from 'node:assert/strict'
import type { RedriveProgress } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered, settled } from '../support/dead.ts'
import { ids, item, sorted } from '../support/items.ts'
import { after } from '../support/retries.ts'
import { assertSameEvent } from '../support/same-event.ts'
import { failing, witness } from '../support/witness.ts'
import { buried, bury, rejectAll } from './graveyard.ts'

const ownGroup: ConformanceCase = {
  id: 'dead-letters.redrive@1',
  title: 'Redriving gives the events back to their own group alone, with their attempts beginning anew',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  covers: [67],
  run: async t => {
    const bus = await t.bus()
    const bystander = witness(t)
    await bus.subscribe('jobs', { group: 'bystander' }, bystander.handle)
    const strict = await bus.subscribe('jobs', { group: 'strict' }, rejectAll)
    const names = ids('dead', 3)
    await bury(t, bus, names)
    await deadLettered(t, bus, 'jobs', 'strict', 3)
    await strict.close()
    await t.until(() => bystander.ids.length === 3, 'the other group to get its own')
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const progress = await t.within(bus.deadLetters('jobs', 'workers').redrive(), 'the redrive')
    await t.until(() => names.every(id => seen.starts(id) > 0), 'every event to come back')
    await bus.publish('jobs', item('last'))
    await t.until(() => seen.starts('last') + bystander.starts('last') === 2, 'the last event in both groups')

    assert.deepEqual(progress, { redriven: 3, kept: 0 })
    assert.deepEqual(sorted(seen.ids), sorted([...names, 'last']))
    assert.ok(seen.deliveries.every(d => d.attempt === 1))
    assert.deepEqual(sorted(bystander.ids), sorted([...names, 'last']))
    assert.deepEqual(await buried(bus), [])
    assert.equal((await buried(bus, 'strict')).length, 3)
  },
}

const whileAway: ConformanceCase = {
  id: 'dead-letters.redrive-while-away@1',
  title: 'Redriven events wait for a group that has no member at the time, and come as they were published',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  covers: [67, 62],
  run: async t => {
    const bus = await t.bus()
    const subscription = await bus.subscribe('jobs', { group: 'workers' }, rejectAll)
    const event = item('dead', { subject: 'a', tenantid: 'b', time: '2026-01-02T03:04:05.123456789Z' })
    const headers = [['x-tenant', 'acme']] as const
    await bus.publish('jobs', event, { key: 'k', headers })
    await deadLettered(t, bus, 'jobs', 'workers')
    await subscription.close()
    await t.within(bus.deadLetters('jobs', 'workers').redrive(), 'the redrive')

    const later = await t.bus()
    const seen = witness(t)
    await later.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.until(() => seen.deliveries.length > 0, 'the redriven event')
    const [delivery] = seen.deliveries
    assertSameEvent(delivery?.event, event)
    assert.deepEqual(delivery?.headers, headers)
    assert.equal(delivery?.key, 'k')
    assert.equal(delivery?.topic, 'jobs')
  },
}

const filtered: ConformanceCase = {
  id: 'dead-letters.redrive-filtered@1',
  title: 'A redrive with a filter or a limit moves those and leaves the rest where they are',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  covers: [67],
  permutations: [{ name: 'filter' }, { name: 'limit' }],
  run: async (t, { name }) => {
    const bus = await t.bus()
    const names = ids('dead', 4)
    const [a, b, c, d] = names
    await bury(t, bus, names)
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const queue = bus.deadLetters('jobs', 'workers')
    const some =
      name === 'limit'
        ? { limit: 2 }
        : { filter: (l: { event: { id: string } | null }) => l.event?.id === b || l.event?.id === d }
    const progress = await t.within(queue.redrive(some), 'the redrive')
    await t.until(() => seen.deliveries.length >= 2, 'the redriven events')

    assert.equal(progress.redriven, 2)
    assert.deepEqual(sorted(seen.ids), name === 'limit' ? [a, b] : [b, d])
    assert.deepEqual(await buried(bus), name === 'limit' ? [c, d] : [a, c])
  },
}

const rate: ConformanceCase = {
  id: 'dead-letters.redrive-rate@1',
  title:
    'A redrive goes no faster than asked, reports how far it is, and can be stopped with the rest left in place',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  covers: [67, 99],
  run: async t => {
    const bus = await t.bus()
    const names = ids('dead', 6)
    await bury(t, bus, names)
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const queue = bus.deadLetters('jobs', 'workers')
    const reports: RedriveProgress[] = []
    const began = t.clock.now()
    const first = queue.redrive({ rate: 10, limit: 4, onProgress: progress => reports.push({ ...progress }) })
    await t.within(first, 'the redrive')
    const took = t.clock.now() - began
    assert.ok(took >= 300, `4 events at 10 a second took ${took} ms`)
    assert.deepEqual(reports.at(-1), { redriven: 4, kept: 0 })

    const controller = new AbortController()
    const stopped = queue.redrive({ rate: 1, signal: controller.signal }).catch((error: unknown) => error)
    await t.until(() => seen.deliveries.length === 5, 'the first of the rest')
    controller.abort()
    await t.within(stopped, 'the redrive to stop', 5_000)
    assert.deepEqual(sorted(seen.ids), names.slice(0, 5))
    assert.deepEqual(await buried(bus), names.slice(5))
  },
}

const failsAgain: ConformanceCase = {
  id: 'dead-letters.redrive-fails-again@1',
  title:
    'A redriven event that fails again has all its attempts, comes back once, and its redrives are counted',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective', 'retry.durable'],
  covers: [67, 64],
  run: async t => {
    const bus = await t.bus()
    const seen = failing(t, Number.POSITIVE_INFINITY)
    const subscription = await bus.subscribe('jobs', { group: 'workers', retry: after(2, 50) }, seen.handle)
    await bus.publish('jobs', item('doomed'))
    await deadLettered(t, bus, 'jobs', 'workers')
    const queue = bus.deadLetters('jobs', 'workers')
    for (const redrives of [1, 2]) {
      await t.within(queue.redrive(), 'the redrive')
      await t.until(() => seen.deliveries.length === 2 * (redrives + 1), 'all attempts')
      await settled(t, subscription)
      const letters = await deadLettered(t, bus, 'jobs', 'workers')
      assert.deepEqual(
        letters.map(l => [l.attempts, l.redrives, l.reason]),
        [[2, redrives, 'attempts-exhausted']],
      )
    }
    assert.deepEqual(
      seen.deliveries.map(d => d.attempt),
      [1, 2, 1, 2, 1, 2],
    )
  },
}

const refused: ConformanceCase = {
  id: 'dead-letters.redrive-refused@1',
  title:
    'A dead letter is removed only once the broker has confirmed its redrive: none is lost when that fails',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  faults: ['refuse-publish'],
  covers: [67, 66],
  run: async t => {
    const bus = await t.bus({ client: 'operator', publishing: { timeout: 2_000 } })
    const names = ids('dead', 3)
    await bury(t, bus, names)
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.faults.refusePublishes('operator', 1_000_000)
    const queue = bus.deadLetters('jobs', 'workers')
    const outcome = await t.within(
      queue.redrive().catch(() => undefined),
      'the redrive to give up',
    )
    assert.equal(outcome?.redriven ?? 0, 0)
    assert.deepEqual(await buried(bus), names)
    assert.deepEqual(seen.ids, [])

    await t.faults.refusePublishes('operator', 0)
    // On a bus with the usual patience: the short one may give up while the broker is busy.
    const patient = await t.bus()
    const second = await t.within(patient.deadLetters('jobs', 'workers').redrive(), 'the second redrive')
    assert.deepEqual(second, { redriven: 3, kept: 0 })
    await t.until(() => names.every(id => seen.starts(id) === 1), 'every event to come back')
    assert.deepEqual(await buried(bus), [])
  },
}

export const redriveCases = [ownGroup, whileAway, filtered, rate, failsAgain, refused]
