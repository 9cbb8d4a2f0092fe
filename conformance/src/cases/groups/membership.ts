import assert from 'node:assert/strict'
import { topic } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { aborted } from '../support/gate.ts'
import { ids, item, publishItems, sorted } from '../support/items.ts'
import { elapsed } from '../support/passing-time.ts'
import { quiet } from '../support/quiet.ts'
import { recorder } from '../support/recorder.ts'
import { atOnce } from '../support/retries.ts'

const joinMidStream: ConformanceCase = {
  id: 'groups.join-mid-stream@1',
  title: 'A member that joins while events flow takes its share, and nothing is doubled or lost',
  requires: ['subscribe.group'],
  covers: [40],
  async run(t) {
    const orders = topic('orders', { partitions: 8 })
    const publisher = await t.bus()
    const join = async () => {
      const seen = recorder(() => elapsed(t, 20))
      const options = { group: 'billing', concurrency: 2, prefetch: 2 }
      const subscription = await (await t.bus()).subscribe(orders, options, seen.handler)
      return { recorder: seen, subscription }
    }
    const first = await join()
    const names = ids('order', 60)
    await publishItems(publisher, orders, names)
    await t.until(() => first.recorder.done.length >= 10, 'the first member to be at work')
    const second = await t.within(join(), 'the second member to join')
    const done = () => [...first.recorder.done, ...second.recorder.done]
    await t.until(() => new Set(done()).size >= names.length, 'all events')
    await quiet(t, publisher, orders, [first, second])
    assert.deepEqual(sorted([...first.recorder.ids(), ...second.recorder.ids()]), sorted(names))
    assert.ok(second.recorder.done.length > 0, 'the second member got nothing')
  },
}

const gracefulLeave: ConformanceCase = {
  id: 'groups.graceful-leave@1',
  title: 'A member that drains finishes what it runs and hands over the rest at once, nothing doubled',
  requires: ['subscribe.group', 'settle.release'],
  covers: [41, 102],
  async run(t) {
    const publisher = await t.bus()
    const options = { group: 'billing', concurrency: 2, prefetch: 20, lease: 30_000 }
    const leaving = recorder(() => elapsed(t, 200))
    const leaver = await t.bus()
    const subscription = await leaver.subscribe('orders', options, leaving.handler)
    const names = ids('order', 20)
    await publishItems(publisher, 'orders', names)
    await t.until(
      () => subscription.stats.held === 20 && leaving.running === 2,
      'the first member to hold all',
    )
    await t.within(leaver.drain(), 'the drain')
    const left = t.clock.now()

    const staying = recorder()
    const next = await (await t.bus()).subscribe('orders', options, staying.handler)
    await t.until(() => staying.done.length + leaving.done.length >= names.length, 'the rest')
    assert.ok(t.clock.now() - left < 15_000, 'the rest waited for the lease to end')
    await quiet(t, publisher, 'orders', [{ recorder: staying, subscription: next }])
    assert.deepEqual(sorted([...leaving.ids(), ...staying.ids()]), sorted(names))
    assert.equal(leaving.done.length, 2, 'the drain finished what ran and started nothing')
    assert.ok(
      staying.deliveries.every(d => d.attempt === 1),
      'an unstarted event was charged',
    )
  },
}

const crashTakeover: ConformanceCase = {
  id: 'groups.crash-takeover@1',
  title: 'What a crashed member held is delivered to the others within its lease, running or not',
  requires: ['subscribe.group'],
  faults: ['crash'],
  covers: [42, 110],
  permutations: [
    { name: 'another-waits', before: true },
    { name: 'another-comes-later', before: false },
  ],
  async run(t, { before }) {
    const publisher = await t.bus()
    const options = { group: 'billing', concurrency: 2, prefetch: 6, lease: 2_000, retry: atOnce(5) }
    const victim = recorder(d => aborted(d.signal))
    const dying = await (await t.bus({ client: 'victim' })).subscribe('orders', options, victim.handler)
    const names = ids('order', 6)
    await publishItems(publisher, 'orders', names)
    await t.until(() => dying.stats.held === 6, 'the victim to hold all')
    const heir = recorder()
    const inherit = async () => (await t.bus()).subscribe('orders', options, heir.handler)
    const early = before === true ? await inherit() : undefined
    await t.faults.crash('victim')
    const subscription = early ?? (await inherit())
    const crashed = t.clock.now()
    await t.until(() => heir.done.length >= names.length, 'the events of the victim')
    assert.ok(t.clock.now() - crashed < 30_000, 'the takeover took much longer than the lease')
    await quiet(t, publisher, 'orders', [{ recorder: heir, subscription }])
    heir.assertExactly(names)
  },
}

const churnUnderFlow: ConformanceCase = {
  id: 'groups.subscribe-close-churn@1',
  title: 'Members that come and go while events flow lose nothing, and the last one finds nothing left over',
  requires: ['subscribe.group'],
  covers: [44, 100],
  async run(t) {
    const publisher = await t.bus()
    const bus = await t.bus()
    const seen = recorder()
    const names = ids('order', 100)
    for (let cycle = 0; cycle < 20; cycle++) {
      const subscription = await t.within(
        bus.subscribe('orders', { group: 'billing', prefetch: 3 }, seen.handler),
        'the subscribe',
      )
      const part = names.slice(cycle * 5, cycle * 5 + 5)
      await publishItems(publisher, 'orders', part)
      if (cycle % 2 === 0)
        await t.until(() => part.some(id => seen.done.includes(id)), 'an event of this cycle')
      await t.within(cycle % 3 === 0 ? subscription.drain() : subscription.close(), 'the end of the cycle')
      assert.equal(subscription.state, 'closed')
    }
    const subscription = await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    await t.until(() => new Set(seen.done).size >= names.length, 'every event')
    await quiet(t, publisher, 'orders', [{ recorder: seen, subscription }])
    assert.deepEqual(sorted(new Set(seen.ids())), sorted(names))
  },
}

const cancelledStaysCancelled: ConformanceCase = {
  id: 'groups.closed-subscription-stays-closed@1',
  title: 'A reconnect restores the subscriptions that are open, and revives none that was closed',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [46],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const bus = await t.bus({ client: 'consumer' })
    const closed = recorder()
    const open = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, closed.handler)
    const live = await bus.subscribe('invoices', { group: 'billing' }, open.handler)
    await t.within(subscription.close(), 'the close')
    await t.faults.cut('consumer')
    await t.faults.heal('consumer')
    await publisher.publish('orders', item('kept'))
    await publisher.publish('invoices', item('invoice'))
    await t.until(() => open.done.includes('invoice'), 'the open subscription to be back')
    await quiet(t, publisher, 'invoices', [{ recorder: open, subscription: live }])
    closed.assertExactly([])

    const next = recorder()
    await bus.subscribe('orders', { group: 'billing' }, next.handler)
    await t.until(() => next.done.includes('kept'), 'the event that waited for the group')
    closed.assertExactly([])
  },
}

export const membershipCases: readonly ConformanceCase[] = [
  joinMidStream,
  gracefulLeave,
  crashTakeover,
  churnUnderFlow,
  cancelledStaysCancelled,
]
