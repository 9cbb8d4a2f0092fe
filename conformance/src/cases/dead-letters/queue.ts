import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { ids, item, publishItems, sorted } from '../support/items.ts'
import { rejection } from '../support/rejection.ts'
import { witness } from '../support/witness.ts'
import { buried, bury, rejectAll } from './graveyard.ts'

const list: ConformanceCase = {
  id: 'dead-letters.list@1',
  title: 'Listing shows dead letters oldest first, filtered and limited, and takes none away',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [65],
  run: async t => {
    const bus = await t.bus()
    const names = ids('dead', 5)
    await bury(t, bus, names)
    const queue = bus.deadLetters('jobs', 'workers')
    const idsOf = async (options?: Parameters<typeof queue.list>[0]) =>
      (await queue.list(options)).map(letter => letter.event?.id)

    assert.deepEqual(await idsOf(), names)
    assert.deepEqual(await idsOf({ limit: 2 }), names.slice(0, 2))
    assert.deepEqual(await idsOf({ filter: l => l.event?.id !== names[0], limit: 2 }), names.slice(1, 3))
    assert.deepEqual(await idsOf({ filter: () => false }), [])
    assert.deepEqual(await idsOf(), names)
    const unique = new Set((await queue.list()).map(letter => letter.id))
    assert.equal(unique.size, names.length)
  },
}

const read: ConformanceCase = {
  id: 'dead-letters.read@1',
  title: 'One dead letter can be read by its id; an unknown id is a typed error',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [65],
  run: async t => {
    const bus = await t.bus()
    await bury(t, bus, ids('dead', 3))
    const queue = bus.deadLetters('jobs', 'workers')
    const [, second] = await queue.list()
    assert.ok(second)

    assert.deepEqual(await queue.read(second.id), second)
    await rejection(queue.read('no-such-letter'), 'DEAD_LETTER_NOT_FOUND')
  },
}

const perGroup: ConformanceCase = {
  id: 'dead-letters.per-group@1',
  title: 'Each topic and group has dead letters of its own',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [37, 64],
  run: async t => {
    const bus = await t.bus()
    await bus.subscribe('jobs', { group: 'strict' }, rejectAll)
    await bus.subscribe('jobs', { group: 'lax' }, () => {})
    await bus.subscribe('tasks', { group: 'strict' }, rejectAll)
    await bus.publish('jobs', item('job'))
    await bus.publish('tasks', item('task'))
    await deadLettered(t, bus, 'jobs', 'strict')
    await deadLettered(t, bus, 'tasks', 'strict')

    assert.deepEqual(await buried(bus, 'strict'), ['job'])
    assert.deepEqual(await buried(bus, 'lax'), [])
    const [task] = await bus.deadLetters('tasks', 'strict').list()
    assert.deepEqual([task?.event?.id, task?.topic, task?.group], ['task', 'tasks', 'strict'])
  },
}

const purge: ConformanceCase = {
  id: 'dead-letters.purge@1',
  title: 'Purging empties one group’s dead-letter queue and no other',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [65],
  run: async t => {
    const bus = await t.bus()
    await bus.subscribe('jobs', { group: 'other' }, rejectAll)
    await bury(t, bus, ids('dead', 3))
    await deadLettered(t, bus, 'jobs', 'other', 3)
    const purged = await bus.deadLetters('jobs', 'workers').purge()

    assert.ok(purged === 3 || purged === null, `it says that ${purged} of 3 were removed`)
    assert.deepEqual(await buried(bus), [])
    assert.equal((await buried(bus, 'other')).length, 3)
  },
}

const purgeSome: ConformanceCase = {
  id: 'dead-letters.purge-filtered@1',
  title: 'Purging with a filter removes what it accepts and leaves the rest, in order',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  covers: [65],
  run: async t => {
    const bus = await t.bus()
    const [a, b, c, d] = ids('dead', 4)
    await bury(t, bus, [a, b, c, d].map(String))
    const filter = (letter: { readonly event: { readonly id: string } | null }) =>
      letter.event?.id === b || letter.event?.id === d
    const purged = await bus.deadLetters('jobs', 'workers').purge({ filter })

    assert.equal(purged, 2)
    assert.deepEqual(await buried(bus), [a, c])
  },
}

const many: ConformanceCase = {
  id: 'dead-letters.many@1',
  title: 'However many dead letters there are, all can be listed, redriven and purged',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  covers: [65, 67],
  run: async t => {
    const bus = await t.bus()
    const names = ids('dead', 230)
    const subscription = await bus.subscribe('jobs', { group: 'workers' }, rejectAll)
    await publishItems(bus, 'jobs', names)
    await t.until(() => subscription.stats.deadLettered === names.length, 'every event to be dead-lettered')
    await t.within(subscription.drain(), 'the subscription to drain')
    const queue = bus.deadLetters('jobs', 'workers')
    const all = await queue.list({ limit: 1_000 })
    assert.deepEqual(sorted(all.map(letter => String(letter.event?.id))), sorted(names))

    const even = (letter: { readonly event: { readonly id: string } | null }) =>
      Number(letter.event?.id.split('-')[1]) % 2 === 0
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const { redriven } = await t.within(queue.redrive({ filter: even }), 'the redrive')
    assert.equal(redriven, 115)
    await t.until(() => seen.deliveries.length === 115, 'every redriven event')
    const purged = await t.within(queue.purge(), 'the purge')
    assert.ok(purged === 115 || purged === null)
    assert.deepEqual(await queue.list(), [])
  },
}

export const queueCases = [list, read, perGroup, purge, purgeSome, many]
