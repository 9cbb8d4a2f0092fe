import assert from 'node:assert/strict'
import { topic } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { ids, item, publishItems, sorted } from './support/items.ts'
import { rejection } from './support/rejection.ts'
import { witness } from './support/witness.ts'

const reuse: ConformanceCase = {
  id: 'provisioning.declare@1',
  title:
    'Topics and groups are created where they are missing and used where they are there, with what they hold',
  requires: ['subscribe.group', 'topology.declare', 'settle.release'],
  covers: [121],
  run: async t => {
    const jobs = topic('jobs', { partitions: 3 })
    const first = await t.bus({ topics: [jobs] })
    const group = await first.subscribe(jobs, { group: 'workers' }, () => {})
    await group.close()
    await publishItems(first, jobs, ids('job', 9))
    await first.close()

    const second = await t.bus({ topics: [jobs] })
    const seen = witness(t)
    await second.subscribe(jobs, { group: 'workers' }, seen.handle)
    await t.until(() => seen.deliveries.length >= 9, 'what was published before')
    assert.deepEqual(sorted(seen.ids), sorted(ids('job', 9)))
  },
}

const none: ConformanceCase = {
  id: 'provisioning.none@1',
  title: 'A bus that may not create anything says what is missing, and uses what is there',
  requires: ['subscribe.group', 'topology.declare'],
  covers: [122],
  run: async t => {
    const strict = await t.bus({ topology: 'none' })
    await t.within(
      rejection(strict.publish('jobs', item('early')), 'TOPOLOGY_MISSING'),
      'the refusal',
      40_000,
    )
    await rejection(
      strict.subscribe('jobs', { group: 'workers' }, () => {}),
      'TOPOLOGY_MISSING',
    )

    const owner = await t.bus()
    const seen = witness(t)
    await owner.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.within(strict.publish('jobs', item('late')), 'the publish')
    await t.until(() => seen.deliveries.length > 0, 'the event')
    assert.deepEqual(seen.ids, ['late'])
  },
}

const verifies: ConformanceCase = {
  id: 'provisioning.verify@1',
  title:
    'A bus that verifies refuses to work with what is missing, creates nothing, and works once it is there',
  requires: ['subscribe.group', 'topology.verify', 'topology.declare'],
  covers: [122],
  run: async t => {
    const jobs = topic('jobs')
    await rejection(t.bus({ topology: 'verify', topics: [jobs] }), 'TOPOLOGY_MISSING')
    await rejection(t.bus({ topology: 'verify', topics: [jobs] }), 'TOPOLOGY_MISSING')
    const owner = await t.bus({ topics: [jobs] })
    const seen = witness(t)
    await owner.subscribe(jobs, { group: 'workers' }, seen.handle)
    const checked = await t.bus({ topology: 'verify', topics: [jobs] })
    await t.within(checked.publish(jobs, item('fine')), 'the publish')
    await t.until(() => seen.deliveries.length > 0, 'the event')
    await rejection(
      checked.subscribe(jobs, { group: 'nobody' }, () => {}),
      'TOPOLOGY_MISSING',
    )
  },
}

const differing = [
  { name: 'partitions', first: topic('jobs', { partitions: 2 }), second: topic('jobs', { partitions: 4 }) },
  { name: 'order', first: topic('jobs'), second: topic('jobs', { ordered: true }) },
]

const incompatible: ConformanceCase = {
  id: 'provisioning.incompatible@1',
  title: 'A topic declared otherwise than it is on the broker is refused at once, and stays as it is',
  requires: ['topology.declare', 'subscribe.group', 'order.key'],
  covers: [123],
  permutations: differing,
  run: async (t, { first, second }) => {
    const [mine, theirs] = [first as (typeof differing)[0]['first'], second as (typeof differing)[0]['first']]
    const owner = await t.bus({ topics: [mine] })
    const seen = witness(t)
    await owner.subscribe(mine, { group: 'workers' }, seen.handle)
    const began = t.clock.now()
    const error = await t.within(
      rejection(t.bus({ topics: [theirs] }), 'TOPOLOGY_INCOMPATIBLE'),
      'the refusal',
      30_000,
    )
    const other = await t.bus()
    await t.within(
      rejection(other.publish(theirs, item('x'), { key: 'k' }), 'TOPOLOGY_INCOMPATIBLE'),
      'refusal',
      30_000,
    )
    assert.equal(error.retryable, false)
    assert.ok(t.clock.now() - began < 30_000)

    await owner.publish(mine, item('fine'))
    await t.until(() => seen.deliveries.length > 0, 'the event')
    assert.deepEqual(seen.ids, ['fine'])
  },
}

const drift: ConformanceCase = {
  id: 'provisioning.drift@1',
  title: 'verifyTopology names what is missing, different or left over, changes nothing, and says what to do',
  requires: ['subscribe.group', 'topology.verify', 'topology.declare'],
  covers: [122, 123],
  run: async t => {
    const owner = await t.bus({ topics: [topic('jobs', { partitions: 2 })] })
    await owner.subscribe('jobs', { group: 'workers' }, () => {})
    assert.deepEqual(await owner.verifyTopology(), [])

    const other = await t.bus({ topology: 'none' })
    const attempts = [
      other.publish(topic('nowhere'), item('x'), { timeout: 1_000 }),
      other.publish(topic('jobs', { partitions: 8 }), item('x'), { timeout: 1_000 }),
    ]
    await t.within(Promise.allSettled(attempts), 'the publishes to end')
    for (let look = 0; look < 2; look++) {
      const found = await other.verifyTopology()
      assert.deepEqual(sorted(found.map(d => d.kind)), ['different', 'missing', 'orphan'])
      assert.ok(found.every(d => d.remedy.length > 0 && d.name.length > 0))
      const orphan = found.find(d => d.kind === 'orphan')
      assert.match(orphan?.name ?? '', /workers/)
    }
  },
}

const neverNarrows: ConformanceCase = {
  id: 'provisioning.never-narrows@1',
  title: 'A process that knows less, or other groups, takes nothing away from the others',
  requires: ['subscribe.group', 'topology.declare', 'settle.release'],
  covers: [121],
  run: async t => {
    const old = await t.bus()
    const away = await old.subscribe('jobs', { group: 'away' }, () => {})
    await away.close()
    const present = witness(t)
    await old.subscribe('jobs', { group: 'present' }, present.handle)

    const newcomer = await t.bus({ topics: [topic('jobs'), topic('tasks')] })
    const fresh = witness(t)
    await newcomer.subscribe('jobs', { group: 'fresh' }, fresh.handle)
    await newcomer.publish('jobs', item('for-all'))
    await t.until(() => present.starts('for-all') + fresh.starts('for-all') === 2, 'both groups to get it')
    await newcomer.close()

    const returned = witness(t)
    await old.subscribe('jobs', { group: 'away' }, returned.handle)
    await t.until(() => returned.starts('for-all') === 1, 'the group that was away to get it')
  },
}

const sendOnly: ConformanceCase = {
  id: 'provisioning.send-only@1',
  title: 'A bus that only publishes opens no receiver: it takes nothing, and nobody is made a consumer by it',
  requires: ['subscribe.group', 'publish.must-route', 'settle.release'],
  covers: [124],
  run: async t => {
    const sender = await t.bus()
    await publishItems(sender, 'jobs', ids('job', 3))
    await rejection(sender.publish('jobs', item('lost'), { mustRoute: true }), 'UNROUTABLE')
    assert.deepEqual(sender.health.subscriptions, [])
    assert.deepEqual(sender.stats.subscriptions, [])

    const consumer = await t.bus()
    const seen = witness(t)
    const group = await consumer.subscribe('jobs', { group: 'workers' }, seen.handle)
    await group.close()
    await sender.publish('jobs', item('kept'), { mustRoute: true })
    await consumer.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.until(() => seen.deliveries.length > 0, 'the event')
    assert.deepEqual(seen.ids, ['kept'])
  },
}

const conflict: ConformanceCase = {
  id: 'provisioning.topic-conflict@1',
  title: 'One bus cannot use a topic under two different declarations',
  requires: ['subscribe.group', 'order.key'],
  covers: [123, 125],
  run: async t => {
    const bus = await t.bus()
    await bus.publish(topic('jobs', { partitions: 2 }), item('one'))
    const other = topic('jobs', { partitions: 3 })
    await rejection(bus.publish(other, item('two')), 'TOPIC_CONFLICT')
    await rejection(
      bus.subscribe(other, { group: 'workers' }, () => {}),
      'TOPIC_CONFLICT',
    )
    await rejection(
      bus.publish(topic('jobs', { ordered: true, partitions: 2 }), item('x'), { key: 'k' }),
      'TOPIC_CONFLICT',
    )
    await bus.publish('jobs', item('a bare name means the declared one'))
  },
}

/** What must be on the broker: created, compared, left alone. */
export const provisioningCases: readonly ConformanceCase[] = [
  reuse,
  none,
  verifies,
  incompatible,
  drift,
  neverNarrows,
  sendOnly,
  conflict,
]
