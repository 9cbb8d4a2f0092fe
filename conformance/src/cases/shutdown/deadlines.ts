import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { gate } from '../support/gate.ts'
import { item } from '../support/items.ts'
import { rejection } from '../support/rejection.ts'
import { after } from '../support/retries.ts'
import { failing, witness } from '../support/witness.ts'

const aborts: ConformanceCase = {
  id: 'shutdown.deadline@1',
  title:
    'A handler that outlives the deadline is aborted and settles nothing: its event goes back uncharged, never dead',
  requires: ['subscribe.group', 'settle.release', 'dead-letter.store'],
  covers: [68, 96, 99],
  permutations: [
    { name: 'drain, throws after', stop: 'drain', ending: 'throws' },
    { name: 'drain, never ends', stop: 'drain', ending: 'never' },
    { name: 'close, throws after', stop: 'close', ending: 'throws' },
    { name: 'close, never ends', stop: 'close', ending: 'never' },
  ],
  run: async (t, { stop, ending }) => {
    const leaving = await t.bus()
    let abortedAt: number | undefined
    const running = witness(t, async ({ signal }) => {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      abortedAt = t.clock.now()
      if (ending === 'never') await new Promise(() => {})
      if (ending === 'throws') throw new Error('cut short')
    })
    const options = { group: 'workers', retry: after(1, 0), lease: 3_000_000 }
    await leaving.subscribe('jobs', options, running.handle)
    await leaving.publish('jobs', item('long'))
    await t.until(() => running.deliveries.length === 1, 'the handler to run')
    const began = t.clock.now()
    if (stop === 'close') await t.within(leaving.close(), 'the bus to close', 10_000)
    else await t.within(rejection(leaving.drain({ deadline: 500 }), 'DRAIN_TIMEOUT'), 'the drain', 10_000)
    assert.ok(abortedAt !== undefined, 'the handler was not told')
    if (stop === 'drain')
      assert.ok(abortedAt - began >= 400, `it was told after ${abortedAt - began} ms of 500`)

    const heir = await t.bus()
    const seen = witness(t)
    await heir.subscribe('jobs', options, seen.handle)
    await t.until(() => seen.starts('long') === 1, 'the event to be handled by another', 15_000)
    assert.equal(seen.deliveries[0]?.attempt, 1)
    assert.deepEqual(await heir.deadLetters('jobs', 'workers').list(), [])
  },
}

const brokerDown: ConformanceCase = {
  id: 'shutdown.broker-down@1',
  title: 'Stopping while the broker is out of reach ends in time, reconnecting included',
  requires: ['subscribe.group'],
  faults: ['cut'],
  covers: [101],
  permutations: [{ name: 'close' }, { name: 'drain' }],
  run: async (t, { name }) => {
    const bus = await t.bus({ client: 'victim' })
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await bus.publish('jobs', item('before'))
    await t.until(() => seen.deliveries.length === 1, 'the event')
    await t.faults.cut('victim')
    const publishing = bus.publish('jobs', item('during')).catch((error: unknown) => error)
    const began = t.clock.now()
    const stopped = name === 'close' ? bus.close() : bus.drain({ deadline: 1_000 }).catch(() => undefined)
    await t.within(stopped, 'the bus to stop', 15_000)
    assert.ok(t.clock.now() - began < 15_000)
    await t.within(publishing, 'the publish to settle', 1_000)
    assert.equal(bus.health.status, 'closed')
    await rejection(bus.publish('jobs', item('late')), 'BUS_CLOSED')
  },
}

const stalled: ConformanceCase = {
  id: 'shutdown.stalled@1',
  title: 'Stopping while the broker does not answer ends in time',
  requires: ['subscribe.group'],
  faults: ['stall'],
  covers: [101, 106],
  permutations: [{ name: 'close' }, { name: 'drain' }],
  run: async (t, { name }) => {
    const bus = await t.bus({ client: 'victim' })
    const busy = gate()
    const seen = witness(t, d => busy.passed(d.signal))
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await bus.publish('jobs', item('one'))
    await t.until(() => seen.deliveries.length === 1, 'the handler to run')
    await t.faults.stall('victim')
    const publishing = bus.publish('jobs', item('two')).catch((error: unknown) => error)
    busy.open()
    const stopped = name === 'close' ? bus.close() : bus.drain({ deadline: 1_000 }).catch(() => undefined)
    await t.within(stopped, 'the bus to stop', 15_000)
    await t.within(publishing, 'the publish to settle', 1_000)
    assert.equal(bus.health.status, 'closed')
  },
}

const whileFailing: ConformanceCase = {
  id: 'shutdown.while-failing@1',
  title: 'Stopping while events fail and wait for their retries dead-letters none and forgets none',
  requires: ['subscribe.group', 'retry.durable', 'settle.release'],
  covers: [68, 112],
  run: async t => {
    const leaving = await t.bus()
    const failed = failing(t, Number.POSITIVE_INFINITY)
    const options = { group: 'workers', concurrency: 4, retry: after(50, 100) }
    await leaving.subscribe('jobs', options, failed.handle)
    const names = Array.from({ length: 10 }, (_, n) => `job-${n}`)
    for (const id of names) await leaving.publish('jobs', item(id))
    await t.until(() => failed.deliveries.length > 20, 'retries to be under way')
    await t.within(leaving.drain({ deadline: 10_000 }), 'the drain')

    const heir = await t.bus()
    const seen = witness(t)
    await heir.subscribe('jobs', options, seen.handle)
    await t.until(() => names.every(id => seen.starts(id) > 0), 'every event to be handled by another')
    for (const id of names) {
      const last = Math.max(...failed.deliveries.filter(d => d.event.id === id).map(d => d.attempt))
      assert.equal(seen.deliveries.find(d => d.event.id === id)?.attempt, last + 1, `the attempt of ${id}`)
    }
    assert.deepEqual(await heir.deadLetters('jobs', 'workers').list(), [])
  },
}

export const deadlineCases = [aborts, brokerDown, stalled, whileFailing]
