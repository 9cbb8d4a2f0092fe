import assert from 'node:assert/strict'
import type { Bus } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../../model/case.ts'
import { settled } from '../support/dead.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { after } from '../support/retries.ts'
import { failing, witness } from '../support/witness.ts'

/** Fails one event on a first bus, ends that bus, and expects the retry on a second, due and counted as promised. */
async function survives(t: CaseContext, end: (first: Bus) => Promise<void>): Promise<void> {
  const first = await t.bus({ client: 'first' })
  const failed = failing(t, Number.POSITIVE_INFINITY)
  const options = { group: 'workers', retry: after(3, 1_000) }
  const subscription = await first.subscribe('jobs', options, failed.handle)
  await first.publish('jobs', item('shaky'))
  await t.until(() => subscription.stats.retried === 1, 'the first attempt to fail')
  await settled(t, subscription)
  const failedAt = failed.times[0] ?? 0
  // By the time another has connected the broker knows what the first settled: an ack may be lost with its link, and the event come again.
  const second = await t.bus({ client: 'second' })
  await end(first)

  const seen = witness(t)
  const taker = await second.subscribe('jobs', options, seen.handle)
  await t.until(() => seen.starts('shaky') > 0, 'the retry')
  await settled(t, taker)

  assert.equal(failed.deliveries.length, 1)
  assert.equal(seen.deliveries.length, 1)
  assert.equal(seen.deliveries[0]?.attempt, 2)
  assert.ok((seen.times[0] ?? 0) >= failedAt + 1_000, 'the retry came early')
}

const close: ConformanceCase = {
  id: 'retry.survives-close@1',
  title:
    'A retry that waits is neither lost nor forgotten when its process stops: another one gets it, counted on',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [19, 59],
  run: t => survives(t, first => first.close()),
}

const crash: ConformanceCase = {
  id: 'retry.survives-crash@1',
  title: 'A retry that waits is neither lost nor forgotten when its process is killed',
  requires: ['subscribe.group', 'retry.durable'],
  faults: ['crash'],
  covers: [19, 59, 110],
  run: t => survives(t, () => t.faults.crash('first')),
}

const brokerRestart: ConformanceCase = {
  id: 'retry.survives-broker-restart@1',
  title: 'A retry that waits survives a restart of the broker, its attempts counted on',
  requires: ['subscribe.group', 'retry.durable'],
  faults: ['restart-broker'],
  covers: [19, 105],
  run: async t => {
    const bus = await t.bus()
    const seen = failing(t, 1)
    const subscription = await bus.subscribe(
      'jobs',
      { group: 'workers', retry: after(3, 1_000) },
      seen.handle,
    )
    await bus.publish('jobs', item('shaky'))
    await t.until(() => subscription.stats.retried === 1, 'the first attempt to fail')
    await settled(t, subscription)
    await t.within(t.faults.restartBroker(), 'the restart')
    await t.until(() => seen.deliveries.length > 1, 'the retry')

    assert.equal(seen.deliveries[1]?.attempt, 2)
    assert.ok((seen.times[1] ?? 0) - (seen.times[0] ?? 0) >= 1_000, 'the retry came early')
  },
}

const delayedPublish: ConformanceCase = {
  id: 'retry.delayed-publish-survives@1',
  title: 'A delayed event survives the process that published it and a restart of the broker',
  requires: ['subscribe.group', 'publish.delay'],
  faults: ['restart-broker'],
  covers: [61, 105],
  run: async t => {
    const consumer = await t.bus({ client: 'consumer' })
    const seen = witness(t)
    await consumer.subscribe('jobs', { group: 'workers' }, seen.handle)
    const publisher = await t.bus({ client: 'publisher' })
    const due = t.clock.now() + 1_000
    await publisher.publish('jobs', item('later'), { delay: 1_000 })
    await publisher.close()
    await t.within(t.faults.restartBroker(), 'the restart')
    await t.until(() => seen.starts('later') > 0, 'the delayed event')
    assert.ok((seen.times[0] ?? 0) >= due, 'it came early')
  },
}

const membersChange: ConformanceCase = {
  id: 'retry.members-change@1',
  title:
    'Members that join and leave while events wait for their retry make none get lost and none come twice',
  requires: ['subscribe.group', 'retry.durable', 'settle.release'],
  covers: [111],
  run: async t => {
    const publisher = await t.bus()
    const names = ids('job', 20)
    const options = { group: 'workers', concurrency: 4, retry: after(4, 500) }
    const seen = failing(t, 2)
    const join = async () => (await t.bus()).subscribe('jobs', options, seen.handle)
    const leavers = [await join(), await join()]
    await publishItems(publisher, 'jobs', names)
    await t.until(() => names.every(id => seen.starts(id) >= 1), 'every first attempt')
    await join()
    for (const member of leavers) await t.within(member.drain(), 'a member to leave')
    await t.until(() => names.every(id => seen.starts(id) >= 2), 'every second attempt')
    const last = await join()
    await t.until(() => names.every(id => seen.starts(id) >= 3), 'every third attempt')
    await settled(t, last)
    await publisher.publish('jobs', item('last'))
    await t.until(() => seen.starts('last') === 3, 'the last event')

    for (const id of names) {
      const attempts = seen.deliveries.filter(d => d.event.id === id).map(d => d.attempt)
      assert.deepEqual(attempts, [1, 2, 3], `attempts of ${id}`)
    }
  },
}

export const survivalCases = [close, crash, brokerRestart, delayedPublish, membersChange]
