import assert from 'node:assert/strict'
import { type Bus, topic } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { broadcastCases } from './groups/broadcast.ts'
import { membershipCases } from './groups/membership.ts'
import { deadLettered } from './support/dead.ts'
import { gate } from './support/gate.ts'
import { ids, item, publishItems } from './support/items.ts'
import { elapsed } from './support/passing-time.ts'
import { quiet } from './support/quiet.ts'
import { recorder } from './support/recorder.ts'
import { rejection } from './support/rejection.ts'

const eachGroupGetsAll: ConformanceCase = {
  id: 'groups.each-gets-all@1',
  title: 'Every group gets every event of its topic, once, whatever the other groups do with theirs',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [37],
  async run(t) {
    const bus = await t.bus()
    const names = ids('order', 30)
    const groups = await Promise.all(
      ['billing', 'shipping', 'failing'].map(async group => {
        const seen = recorder(() => {
          if (group === 'failing') throw new Error('always')
        })
        const subscription = await bus.subscribe('orders', { group, retry: { attempts: 1 } }, seen.handler)
        return { recorder: seen, subscription }
      }),
    )
    await publishItems(bus, 'orders', names)
    await t.until(
      () => groups.every(g => g.recorder.deliveries.length >= names.length),
      'all events in each group',
    )
    for (const group of groups) {
      await quiet(t, bus, 'orders', [group])
      group.recorder.assertExactly(names, group.subscription.group)
    }
    const dead = await deadLettered(t, bus, 'orders', 'failing', names.length)
    assert.equal(dead.length, names.length)
    assert.deepEqual(await bus.deadLetters('orders', 'billing').list(), [])
  },
}

const membersShare: ConformanceCase = {
  id: 'groups.members-share@1',
  title: 'Inside a group each event goes to one member, and together they get all of them',
  requires: ['subscribe.group'],
  covers: [38],
  async run(t) {
    // Partitions, because a broker of partitions gives each of them to one member.
    const orders = topic('orders', { partitions: 8 })
    const publisher = await t.bus()
    const members = await Promise.all(
      [0, 1, 2].map(async () => {
        const seen = recorder(() => elapsed(t, 5))
        const bus = await t.bus()
        const subscription = await bus.subscribe(orders, { group: 'billing', concurrency: 2 }, seen.handler)
        return { recorder: seen, subscription }
      }),
    )
    const names = ids('order', 90)
    await publishItems(publisher, orders, names)
    const done = () => members.flatMap(m => m.recorder.done)
    await t.until(() => new Set(done()).size >= names.length, 'all events')
    await quiet(t, publisher, orders, members)
    assert.deepEqual(members.flatMap(m => m.recorder.ids()).toSorted(), names.toSorted())
    for (const member of members) assert.ok(member.recorder.done.length > 0, 'a member got nothing')
  },
}

const newGroupStartsNew: ConformanceCase = {
  id: 'groups.new-group-starts-at-new@1',
  title:
    'A new group begins with the events published after its creation, and keeps that beginning while away',
  requires: ['subscribe.group'],
  covers: [40, 118],
  permutations: [
    { name: 'stays', leaves: false },
    { name: 'leaves-at-once', leaves: true },
  ],
  async run(t, { leaves }) {
    const bus = await t.bus()
    const existing = recorder()
    await bus.subscribe('orders', { group: 'billing' }, existing.handler)
    await publishItems(bus, 'orders', ids('early', 5))
    const seen = recorder()
    const subscribe = (b: Bus) => b.subscribe('orders', { group: 'analytics' }, seen.handler)
    let subscription = await subscribe(bus)
    if (leaves === true) await t.within(subscription.close(), 'the new member to leave')
    await publishItems(bus, 'orders', ids('after', 5))
    if (leaves === true) subscription = await subscribe(await t.bus())
    await t.until(() => seen.done.length >= 5, 'what was published afterwards')
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(ids('after', 5))
    await t.until(() => existing.ids().length === 10, 'the other group to have all')
  },
}

const blockedSibling: ConformanceCase = {
  id: 'groups.blocked-handler-blocks-nobody@1',
  title:
    'A group whose handlers hang holds up no other group, no other topic and no publisher on its connection',
  requires: ['subscribe.group'],
  covers: [43],
  async run(t) {
    const bus = await t.bus()
    const never = gate()
    const blocked = recorder(d => never.passed(d.signal))
    const options = { concurrency: 2, prefetch: 4 }
    await bus.subscribe('orders', { group: 'blocked', ...options }, blocked.handler)
    const sibling = recorder()
    const other = recorder()
    await bus.subscribe('orders', { group: 'billing' }, sibling.handler)
    await bus.subscribe('invoices', { group: 'blocked' }, other.handler)
    const names = ids('order', 50)
    await publishItems(bus, 'orders', names)
    await publishItems(bus, 'invoices', names)
    await t.until(
      () => sibling.done.length >= 50 && other.done.length >= 50,
      'the other group and the other topic',
    )
    assert.equal(blocked.running, 2)
    assert.equal(blocked.deliveries.length, 2, 'the blocked group got more than it can hold')
  },
}

const blockedMember: ConformanceCase = {
  id: 'groups.blocked-member@1',
  title: 'A member whose handlers hang keeps what it holds and no more: the rest goes to the other members',
  requires: ['subscribe.group'],
  covers: [43],
  async run(t) {
    const publisher = await t.bus()
    const never = gate()
    const blocked = recorder(d => never.passed(d.signal))
    const options = { group: 'billing', concurrency: 1, prefetch: 2 }
    const stuck = await (await t.bus()).subscribe('orders', options, blocked.handler)
    const seen = recorder()
    await (await t.bus()).subscribe('orders', options, seen.handler)
    const names = ids('order', 40)
    await publishItems(publisher, 'orders', names)
    await t.until(() => seen.done.length >= names.length - 2, 'the other member to do the rest')
    assert.ok(stuck.stats.held <= 2, `the stuck member holds ${stuck.stats.held}`)
    assert.ok(blocked.deliveries.length <= 1)
  },
}

const secondSubscription: ConformanceCase = {
  id: 'groups.second-subscription-refused@1',
  title: 'A bus takes one subscription per topic and group; once that is closed, it takes another',
  requires: ['subscribe.group'],
  covers: [45, 51],
  async run(t) {
    const bus = await t.bus()
    const first = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, first.handler)
    await rejection(
      bus.subscribe('orders', { group: 'billing' }, () => {}),
      'ALREADY_SUBSCRIBED',
    )
    await bus.publish('orders', item('a'))
    await t.until(() => first.done.includes('a'), 'the first subscription to go on')
    await t.within(subscription.close(), 'the close')
    const second = recorder()
    await bus.subscribe('orders', { group: 'billing' }, second.handler)
    await bus.publish('orders', item('b'))
    await t.until(() => second.done.includes('b'), 'the second subscription')
    first.assertExactly(['a'])
    second.assertExactly(['b'])
  },
}

const stopOneTopic: ConformanceCase = {
  id: 'groups.stop-one-topic@1',
  title: 'Stopping one subscription leaves the others of its bus at work, and its events wait for the group',
  requires: ['subscribe.group'],
  covers: [45],
  async run(t) {
    const bus = await t.bus()
    const stopped = recorder()
    const live = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, stopped.handler)
    await bus.subscribe('invoices', { group: 'billing' }, live.handler)
    await t.within(subscription.drain(), 'the subscription to stop')
    assert.equal(subscription.state, 'closed')
    await publishItems(bus, 'orders', ids('order', 5))
    await publishItems(bus, 'invoices', ids('invoice', 20))
    await t.until(() => live.done.length >= 20, 'the other topic')
    stopped.assertExactly([])
    const next = recorder()
    await bus.subscribe('orders', { group: 'billing' }, next.handler)
    await t.until(() => next.done.length >= 5, 'what waited')
    next.assertExactly(ids('order', 5))
  },
}

export const groupsCases: readonly ConformanceCase[] = [
  eachGroupGetsAll,
  membersShare,
  newGroupStartsNew,
  blockedSibling,
  blockedMember,
  secondSubscription,
  stopOneTopic,
  ...broadcastCases,
  ...membershipCases,
]
