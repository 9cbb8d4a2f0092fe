import assert from 'node:assert/strict'
import { topic } from '@busbar/core'
import type { StartPosition } from '@busbar/core/adapter'
import type { CaseContext, ConformanceCase } from '../model/case.ts'
import { settled } from './support/dead.ts'
import { ids, item, publishItems, sorted } from './support/items.ts'
import { OrderPlaced } from './support/orders.ts'
import { after } from './support/retries.ts'
import { witness } from './support/witness.ts'

const soon = (t: CaseContext, ms: number) => new Date(t.clock.now() + ms).toISOString()

const expired: ConformanceCase = {
  id: 'expiry.expired@1',
  title:
    'An event whose expirytime has passed is not handled, not dead-lettered, and not in the way of the others',
  requires: ['subscribe.group', 'publish.expiry'],
  covers: [117],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    const options = { group: 'workers', concurrency: 1 }
    const first = await bus.subscribe('jobs', options, seen.handle)
    await first.close()
    await bus.publish('jobs', item('short', { expirytime: soon(t, 300) }))
    await bus.publish('jobs', item('long', { expirytime: soon(t, 3_600_000) }))
    await bus.publish('jobs', item('past', { expirytime: soon(t, -1_000) }))
    await bus.publish('jobs', item('unlimited'))
    await t.pass(500)
    const subscription = await bus.subscribe('jobs', options, seen.handle)
    await t.until(() => seen.starts('unlimited') > 0, 'the event without a limit')
    await settled(t, subscription)

    assert.deepEqual(seen.ids, ['long', 'unlimited'])
    assert.deepEqual(await bus.deadLetters('jobs', 'workers').list(), [])
  },
}

const inBackoff: ConformanceCase = {
  id: 'expiry.in-backoff@1',
  title: 'An event that expires while it waits for its retry is not handled again',
  requires: ['subscribe.group', 'publish.expiry', 'retry.durable'],
  covers: [117],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t, d => {
      if (d.attempt === 1) throw new Error('for now')
    })
    const subscription = await bus.subscribe('jobs', { group: 'workers', retry: after(5, 800) }, seen.handle)
    await bus.publish('jobs', item('short', { expirytime: soon(t, 400) }))
    await bus.publish('jobs', item('unlimited'))
    await t.until(() => seen.starts('unlimited') === 2, 'the retry of the other one')
    await settled(t, subscription)
    await bus.publish('jobs', item('last'))
    await t.until(() => seen.starts('last') === 2, 'the last event')
    assert.equal(seen.starts('short'), 1)
  },
}

const fromContract: ConformanceCase = {
  id: 'expiry.built@1',
  title: 'A call can limit the life of an event built from a contract, beside others that have no limit',
  requires: ['subscribe.group', 'publish.expiry', 'publish.delay'],
  covers: [117],
  run: async t => {
    const bus = await t.bus()
    const handled: string[] = []
    await bus.subscribe(OrderPlaced, { group: 'workers' }, ({ data }) => {
      handled.push(data.order)
    })
    const expirytime = soon(t, 300)
    // It becomes visible only after its time is over.
    await bus.publish(OrderPlaced, { order: 'short', total: 1 }, { delay: 600, attributes: { expirytime } })
    await bus.publish(OrderPlaced, { order: 'unlimited', total: 1 }, { delay: 900 })
    await t.until(() => handled.length > 0, 'the event without a limit')
    assert.deepEqual(handled, ['unlimited'])
  },
}

const startNew: ConformanceCase = {
  id: 'replay.new@1',
  title: 'A new group begins with what is published after it subscribed',
  requires: ['subscribe.group'],
  covers: [7, 118],
  permutations: [{ name: 'by default' }, { name: 'on request', start: 'new' }],
  run: async (t, { start }) => {
    const bus = await t.bus()
    await publishItems(bus, 'jobs', ids('before', 5))
    const seen = witness(t)
    const options = start === undefined ? { group: 'fresh' } : { group: 'fresh', start: 'new' as const }
    await bus.subscribe('jobs', options, seen.handle)
    await bus.publish('jobs', item('after'))
    await t.until(() => seen.starts('after') > 0, 'the event after')
    assert.deepEqual(seen.ids, ['after'])
  },
}

/** Publishes three events before and one after a late subscription, and compares what it got. */
async function replays(
  t: CaseContext,
  group: { readonly group?: string },
  startOf: (second: { readonly at: number; readonly position: string | undefined }) => StartPosition,
  expected: readonly string[],
): Promise<void> {
  const bus = await t.bus()
  await publishItems(bus, 'jobs', ['first'])
  await t.pass(50)
  const at = t.clock.now()
  const { position } = await bus.publish('jobs', item('second'))
  await t.pass(50)
  await publishItems(bus, 'jobs', ['third'])
  const seen = witness(t)
  await bus.subscribe('jobs', { ...group, concurrency: 1, start: startOf({ at, position }) }, seen.handle)
  await bus.publish('jobs', item('fourth'))
  await t.until(() => seen.starts('fourth') > 0, 'the event after')
  await t.until(() => expected.every(id => seen.starts(id) > 0), 'the events before')
  assert.deepEqual(sorted(seen.ids), sorted(expected))
}

const all = ['first', 'second', 'third', 'fourth']

const earliest: ConformanceCase = {
  id: 'replay.earliest@1',
  title:
    'A subscription that starts at the earliest event gets what was published before it, and what comes after',
  requires: ['subscribe.group', 'replay.earliest'],
  covers: [118],
  run: t => replays(t, { group: 'fresh' }, () => 'earliest', all),
}

const earliestBroadcast: ConformanceCase = {
  id: 'replay.earliest-broadcast@1',
  title: 'A broadcast subscription can start at the earliest event too',
  requires: ['subscribe.broadcast', 'replay.earliest'],
  covers: [118],
  run: t => replays(t, {}, () => 'earliest', all),
}

const fromTime: ConformanceCase = {
  id: 'replay.time@1',
  title: 'A new group can start at a time',
  requires: ['subscribe.group', 'replay.time'],
  covers: [119],
  run: t => replays(t, { group: 'fresh' }, ({ at }) => ({ time: new Date(at) }), all.slice(1)),
}

const fromPosition: ConformanceCase = {
  id: 'replay.position@1',
  title: 'A new group can start at the position that a publish was confirmed with: with that very event',
  requires: ['subscribe.group', 'replay.position'],
  covers: [119],
  run: t => {
    const start = ({ position }: { readonly position: string | undefined }) => {
      assert.ok(position !== undefined, 'the confirmation has no position')
      return { position }
    }
    return replays(t, { group: 'fresh' }, start, all.slice(1))
  },
}

const resumes: ConformanceCase = {
  id: 'replay.resumes@1',
  title: 'A group that exists goes on where it was, whatever start is asked for',
  requires: ['subscribe.group', 'replay.earliest', 'settle.release'],
  covers: [119, 120],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    const first = await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await publishItems(bus, 'jobs', ids('before', 5))
    await t.until(() => seen.deliveries.length === 5, 'the events before')
    await t.within(first.drain(), 'the member to leave')
    await publishItems(bus, 'jobs', ids('between', 5))

    const other = await t.bus()
    const again = witness(t)
    await other.subscribe('jobs', { group: 'workers', start: 'earliest' }, again.handle)
    await bus.publish('jobs', item('after'))
    await t.until(() => again.starts('after') > 0 && again.deliveries.length >= 6, 'what was not handled yet')
    assert.deepEqual(sorted(again.ids), sorted([...ids('between', 5), 'after']))
  },
}

/** More than Redis stores before it trims. */
const OLD = ids('old', 1_200)
const kept = topic('jobs', { retention: { count: 100 } })

const retention: ConformanceCase = {
  id: 'replay.retention@1',
  title: 'A topic keeps what its retention covers for groups to come, and lets go of what is older',
  requires: ['subscribe.group', 'replay.earliest', 'topic.retention'],
  covers: [118],
  demand: t => t.bus({ topics: [kept], requires: ['replay.earliest'] }),
  run: async t => {
    const bus = await t.bus({ topics: [kept] })
    await publishItems(bus, kept, OLD)
    const covered = ids('new', 100)
    await publishItems(bus, kept, covered)
    const seen = witness(t)
    await bus.subscribe(kept, { group: 'late', start: 'earliest' }, seen.handle)
    await t.until(() => covered.every(id => seen.starts(id) > 0), 'the events that the retention covers')
    assert.equal(seen.starts('old-0'), 0, 'the oldest of 1,300 events is there, beyond a retention of 100')
  },
}

/** Time limits on events, and where a subscription begins. */
export const expiryAndReplayCases: readonly ConformanceCase[] = [
  expired,
  inBackoff,
  fromContract,
  startNew,
  earliest,
  earliestBroadcast,
  fromTime,
  fromPosition,
  resumes,
  retention,
]
