import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { quiet } from '../support/quiet.ts'
import { recorder } from '../support/recorder.ts'
import { after } from '../support/retries.ts'

const everyInstance: ConformanceCase = {
  id: 'groups.broadcast-reaches-every-instance@1',
  title: 'Without a group every instance gets every event, beside the groups of the topic',
  requires: ['subscribe.broadcast', 'subscribe.group'],
  covers: [39],
  async run(t) {
    const publisher = await t.bus()
    const instances = await Promise.all(
      [0, 1, 2].map(async () => {
        const seen = recorder()
        const subscription = await (await t.bus()).subscribe('prices', {}, seen.handler)
        return { recorder: seen, subscription }
      }),
    )
    const grouped = recorder()
    await publisher.subscribe('prices', { group: 'billing' }, grouped.handler)
    const names = ids('price', 20)
    await publishItems(publisher, 'prices', names)
    for (const instance of instances) {
      await t.until(() => instance.recorder.done.length >= names.length, 'all events at each instance')
      await quiet(t, publisher, 'prices', [instance])
      instance.recorder.assertExactly(names)
      assert.ok(instance.recorder.deliveries.every(d => d.group === undefined && d.topic === 'prices'))
    }
    await t.until(() => grouped.ids().length >= names.length, 'the group')
    grouped.assertExactly(names)
  },
}

const notDurable: ConformanceCase = {
  id: 'groups.broadcast-is-ephemeral@1',
  title: 'A broadcast subscription gets nothing of what was published before it, or while it was away',
  requires: ['subscribe.broadcast'],
  covers: [39, 40],
  async run(t) {
    const publisher = await t.bus()
    await publishItems(publisher, 'prices', ids('before', 3))
    const bus = await t.bus()
    const first = recorder()
    const subscription = await bus.subscribe('prices', {}, first.handler)
    await publishItems(publisher, 'prices', ids('during', 3))
    await t.until(() => first.done.length >= 3, 'what was published meanwhile')
    await t.within(subscription.close(), 'the close')
    await publishItems(publisher, 'prices', ids('away', 3))
    const second = recorder()
    const again = await bus.subscribe('prices', {}, second.handler)
    await quiet(t, publisher, 'prices', [{ recorder: second, subscription: again }])
    first.assertExactly(ids('during', 3))
    second.assertExactly([])
  },
}

const failingInstance: ConformanceCase = {
  id: 'groups.broadcast-failure-stays-local@1',
  title:
    'An instance that fails a broadcast event retries it by itself, then drops and counts it; no other sees it again',
  requires: ['subscribe.broadcast'],
  covers: [39, 58],
  async run(t) {
    const publisher = await t.bus()
    const failing = recorder(d => {
      if (d.event.id === 'bad') throw new Error('always')
      if (d.event.id === 'shaky' && d.attempt === 1) throw new Error('once')
    })
    const fine = recorder()
    const one = await (await t.bus()).subscribe('prices', { retry: after(3, 200) }, failing.handler)
    const two = await (await t.bus()).subscribe('prices', {}, fine.handler)
    await publishItems(publisher, 'prices', ['good', 'bad', 'shaky'])
    await t.until(() => one.stats.dropped === 1, 'the event to be dropped')
    await t.until(() => failing.done.includes('shaky'), 'the other one to be handled')
    await quiet(t, publisher, 'prices', [{ recorder: failing, subscription: one }])
    await quiet(t, publisher, 'prices', [{ recorder: fine, subscription: two }])
    failing.assertExactly(['good', 'bad', 'bad', 'bad', 'shaky', 'shaky'])
    fine.assertExactly(['good', 'bad', 'shaky'])
    assert.deepEqual(
      failing.deliveries.filter(d => d.event.id === 'bad').map(d => d.attempt),
      [1, 2, 3],
    )
  },
}

const churn: ConformanceCase = {
  id: 'groups.broadcast-churn@1',
  title: 'Broadcast instances that come and go leave nothing behind that gets in the way of those that stay',
  requires: ['subscribe.broadcast'],
  covers: [39, 44],
  async run(t) {
    const publisher = await t.bus()
    const staying = recorder()
    const stays = await (await t.bus()).subscribe('prices', {}, staying.handler)
    for (const id of ids('price', 15)) {
      const passing = recorder()
      const subscription = await publisher.subscribe('prices', {}, passing.handler)
      await publisher.publish('prices', item(id))
      await t.until(() => passing.done.includes(id), 'the passing instance')
      await t.within(subscription.close(), 'its close')
      passing.assertExactly([id])
    }
    await quiet(t, publisher, 'prices', [{ recorder: staying, subscription: stays }])
    staying.assertExactly(ids('price', 15))
  },
}

const acrossCut: ConformanceCase = {
  id: 'groups.broadcast-across-cut@1',
  title: 'An instance whose link was cut for a moment gets what was published meanwhile',
  requires: ['subscribe.broadcast'],
  faults: ['cut', 'heal'],
  covers: [39],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const seen = recorder()
    await (await t.bus({ client: 'screen' })).subscribe('prices', {}, seen.handler)
    await publishItems(publisher, 'prices', ids('before', 3))
    await t.until(() => seen.done.length >= 3, 'what was published before the cut')
    await t.faults.cut('screen')
    await publishItems(publisher, 'prices', ids('away', 3))
    await t.faults.heal('screen')
    await publishItems(publisher, 'prices', ids('after', 3))
    const all = [...ids('before', 3), ...ids('away', 3), ...ids('after', 3)]
    await t.until(() => all.every(id => seen.done.includes(id)), 'all of them')
  },
}

const acrossRestart: ConformanceCase = {
  id: 'groups.broadcast-across-restart@1',
  title: 'An instance that is away while the broker is restarted gets what was published before it is back',
  requires: ['subscribe.broadcast'],
  faults: ['cut', 'heal', 'restart-broker'],
  covers: [39, 105],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const seen = recorder()
    await (await t.bus({ client: 'screen' })).subscribe('prices', {}, seen.handler)
    await publishItems(publisher, 'prices', ids('before', 3))
    await t.until(() => seen.done.length >= 3, 'what was published before the restart')
    await t.faults.cut('screen')
    await t.within(t.faults.restartBroker(), 'the restart')
    await t.within(publishItems(publisher, 'prices', ids('away', 20)), 'the confirmations')
    await t.faults.heal('screen')
    const all = [...ids('before', 3), ...ids('away', 20)]
    await t.until(() => all.every(id => seen.done.includes(id)), 'all of them')
  },
}

export const broadcastCases: readonly ConformanceCase[] = [
  everyInstance,
  notDurable,
  failingInstance,
  churn,
  acrossCut,
  acrossRestart,
]
