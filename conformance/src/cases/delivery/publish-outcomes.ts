import assert from 'node:assert/strict'
import { isBusError, type PublishReceipt } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { ids, item, publishItems, sorted } from '../support/items.ts'
import { quiet } from '../support/quiet.ts'
import { recorder } from '../support/recorder.ts'

const confirmedIsStored: ConformanceCase = {
  id: 'delivery.confirmed-is-stored@1',
  title: 'What was confirmed is delivered although its publisher dies the moment after',
  requires: ['subscribe.group', 'publish.confirm'],
  faults: ['crash'],
  covers: [8],
  async run(t) {
    const consumer = await t.bus()
    const seen = recorder()
    await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    for (const id of ids('order', 5)) {
      const publisher = await t.bus({ client: id })
      await publisher.publish('orders', item(id))
      await t.faults.crash(id)
    }
    await t.until(() => new Set(seen.done).size >= 5, 'every confirmed event')
    seen.assertExactly(ids('order', 5))
  },
}

const withoutGroups: ConformanceCase = {
  id: 'delivery.publish-without-groups@1',
  title: 'Publishing to a topic that nobody reads succeeds, and a group made later starts after it',
  requires: ['subscribe.group'],
  covers: [8],
  async run(t) {
    const bus = await t.bus()
    await publishItems(bus, 'orders', ids('unread', 10))
    const seen = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly([])
  },
}

const unroutable: ConformanceCase = {
  id: 'delivery.must-route@1',
  title: 'A publish that must be routed is refused while no group receives it, and passes once one does',
  requires: ['publish.must-route', 'subscribe.group'],
  covers: [8],
  async run(t) {
    const bus = await t.bus()
    await assert.rejects(
      () => t.within(bus.publish('orders', item('a'), { mustRoute: true }), 'the publish to settle'),
      (error: unknown) => isBusError(error, 'UNROUTABLE'),
    )
    const seen = recorder()
    await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    await bus.publish('orders', item('b'), { mustRoute: true })
    await t.until(() => seen.done.length > 0, 'the routed event')
    seen.assertExactly(['b'])
  },
}

const lostConfirm: ConformanceCase = {
  id: 'delivery.lost-confirmation@1',
  title: 'A publish whose confirmation is lost is tried again until it is confirmed, and its event arrives',
  requires: ['subscribe.group'],
  faults: ['lose-confirm'],
  covers: [9],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const consumer = await t.bus()
    const seen = recorder()
    const subscription = await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    await t.faults.loseConfirms('publisher', 2)
    const receipt = await t.within(publisher.publish('orders', item('a')), 'the publish to be confirmed')
    assert.equal(receipt.id, 'a')
    assert.ok(publisher.stats.publishRetried >= 1, 'the retry is counted')
    await t.until(() => seen.done.includes('a'), 'the event')
    await quiet(t, consumer, 'orders', [{ recorder: seen, subscription }])
    if (t.capabilities.of['publish.dedupe'].support !== 'unsupported') seen.assertExactly(['a'])
  },
}

const refusedPublish: ConformanceCase = {
  id: 'delivery.refused-publish@1',
  title: 'A publish that the broker refuses for now settles, and says truly whether its event was stored',
  requires: ['subscribe.group'],
  faults: ['refuse-publish'],
  covers: [8, 9],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const consumer = await t.bus()
    const seen = recorder()
    const subscription = await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    await t.faults.refusePublishes('publisher', 2)
    const names = ids('order', 6)
    const settled = await t.within(
      Promise.allSettled(names.map(id => publisher.publish('orders', item(id)))),
      'every publish to settle',
    )
    await quiet(t, consumer, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(names.filter((_, n) => settled[n]?.status === 'fulfilled'))
    for (const outcome of settled) {
      if (outcome.status === 'rejected')
        assert.ok(isBusError(outcome.reason, 'PUBLISH_FAILED'), String(outcome.reason))
    }
    assert.ok(seen.done.length >= 4, 'the publishes that were not refused pass')
  },
}

const pendingSettles: ConformanceCase = {
  id: 'delivery.pending-publish-settles@1',
  title:
    'A publish that is pending when the link dies settles by its timeout, typed, however long the outage lasts',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [9],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const consumer = await t.bus({ client: 'consumer' })
    const seen = recorder()
    const subscription = await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    await publisher.publish('orders', item('before'))
    const pending = Promise.allSettled(
      ids('order', 10).map(id => publisher.publish('orders', item(id), { timeout: 1_500 })),
    )
    await t.faults.cut('publisher')
    const late = Promise.allSettled([publisher.publish('orders', item('late'), { timeout: 1_500 })])
    const settled = [
      ...(await t.within(pending, 'publishes in flight to settle', 10_000)),
      ...(await t.within(late, 'a publish on a dead link to settle', 10_000)),
    ]
    await t.faults.heal('publisher')

    const confirmed: PublishReceipt[] = []
    for (const outcome of settled) {
      if (outcome.status === 'fulfilled') confirmed.push(outcome.value)
      else {
        const { reason } = outcome
        assert.ok(
          isBusError(reason, 'PUBLISH_UNKNOWN') || isBusError(reason, 'PUBLISH_FAILED'),
          String(reason),
        )
      }
    }
    await t.within(publisher.publish('orders', item('after')), 'a publish after the link is back')
    await quiet(t, consumer, 'orders', [{ recorder: seen, subscription }])
    for (const { id } of confirmed) assert.ok(seen.done.includes(id), `${id} was confirmed and not delivered`)
    for (const id of ['before', 'after']) assert.ok(seen.done.includes(id), `${id} was not delivered`)
  },
}

const outageShorterThanTimeout: ConformanceCase = {
  id: 'delivery.publish-outlasts-outage@1',
  title: 'Publishes pending through an outage shorter than their timeout are confirmed and delivered',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [9],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const consumer = await t.bus({ client: 'consumer' })
    const seen = recorder()
    await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    const names = ids('order', 20)
    const pending = publishItems(publisher, 'orders', names)
    await t.faults.cut('publisher')
    await t.pass(300)
    await t.faults.heal('publisher')
    await t.within(pending, 'every publish to be confirmed', 60_000)
    await t.until(() => new Set(seen.done).size >= names.length, 'every event')
    assert.deepEqual(sorted(new Set(seen.done)), sorted(names))
  },
}

const sameIdTwoSources: ConformanceCase = {
  id: 'delivery.same-id-two-sources@1',
  title: 'Events of one id from two sources, or on two topics, are different events',
  requires: ['subscribe.group'],
  covers: [10],
  async run(t) {
    const bus = await t.bus()
    const orders = recorder()
    const refunds = recorder()
    await bus.subscribe('orders', { group: 'billing' }, orders.handler)
    await bus.subscribe('refunds', { group: 'billing' }, refunds.handler)
    for (const source of ['/north', '/south']) {
      for (const topic of ['orders', 'refunds']) {
        const receipt = await bus.publish(topic, item('1', { source }))
        assert.equal(receipt.duplicate, false, `${source} on ${topic}`)
      }
    }
    await t.until(() => orders.done.length + refunds.done.length >= 4, 'all four events')
    for (const seen of [orders, refunds]) {
      assert.deepEqual(sorted(seen.deliveries.map(d => d.event.source)), ['/north', '/south'])
    }
  },
}

const duplicatePublish: ConformanceCase = {
  id: 'delivery.duplicate-publish@1',
  title: 'The same event published twice to one topic is stored once, and the second receipt says so',
  requires: ['publish.dedupe', 'subscribe.group'],
  covers: [10],
  async run(t) {
    const bus = await t.bus()
    const seen = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    assert.equal((await bus.publish('orders', item('a'))).duplicate, false)
    assert.equal((await bus.publish('orders', item('a'))).duplicate, true)
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(['a'])
  },
}

export const publishOutcomeCases: readonly ConformanceCase[] = [
  confirmedIsStored,
  withoutGroups,
  unroutable,
  lostConfirm,
  refusedPublish,
  pendingSettles,
  outageShorterThanTimeout,
  sameIdTwoSources,
  duplicatePublish,
]
