import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { gate } from '../support/gate.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { quiet } from '../support/quiet.ts'
import { recorder } from '../support/recorder.ts'

const pauseAndResume: ConformanceCase = {
  id: 'backpressure.pause-and-resume@1',
  title: 'A paused subscription starts nothing, loses nothing, and goes on when it is resumed',
  requires: ['subscribe.group'],
  covers: [94],
  async run(t) {
    const bus = await t.bus()
    const seen = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    const other = recorder()
    const control = await bus.subscribe('orders', { group: 'control' }, other.handler)
    await publishItems(bus, 'orders', ids('early', 5))
    await t.until(() => seen.done.length === 5, 'the first events')
    subscription.pause()
    subscription.pause()
    assert.equal(subscription.state, 'paused')
    await publishItems(bus, 'orders', ids('late', 20))
    await quiet(t, bus, 'orders', [{ recorder: other, subscription: control }])
    await t.pass(300)
    assert.equal(seen.deliveries.length, 5, 'events were handled while paused')
    subscription.resume()
    assert.equal(subscription.state, 'live')
    await t.until(() => seen.done.length >= 25, 'the rest')
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly([...ids('early', 5), ...ids('late', 20)])
  },
}

const pausedGivesBack: ConformanceCase = {
  id: 'backpressure.pause-gives-back@1',
  title:
    'A member that pauses finishes what runs, and what it had waiting goes to the other members, uncounted',
  requires: ['subscribe.group', 'settle.release'],
  covers: [94, 102],
  async run(t) {
    const publisher = await t.bus()
    const held = gate()
    const pausing = recorder(d => held.passed(d.signal))
    const options = { group: 'billing', concurrency: 1, prefetch: 10 }
    const subscription = await (await t.bus()).subscribe('orders', options, pausing.handler)
    const names = ids('order', 10)
    await publishItems(publisher, 'orders', names)
    await t.until(() => subscription.stats.held === 10 && pausing.running === 1, 'all to be held')
    subscription.pause()
    const seen = recorder()
    await (await t.bus()).subscribe('orders', { group: 'billing' }, seen.handler)
    await t.until(() => seen.done.length === 9, 'another member to get what waited')
    assert.ok(seen.deliveries.every(d => d.attempt === 1))
    held.open()
    await t.until(() => pausing.done.length === 1, 'what ran to be finished')
    assert.equal(pausing.deliveries.length, 1)
    assert.deepEqual([...seen.ids(), ...pausing.ids()].toSorted(), names.toSorted())
  },
}

const pauseSurvivesReconnect: ConformanceCase = {
  id: 'backpressure.pause-survives-reconnect@1',
  title: 'A paused subscription is still paused after a reconnect, and still resumes',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [91, 94],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const bus = await t.bus({ client: 'consumer' })
    const seen = recorder()
    const other = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    const control = await bus.subscribe('invoices', { group: 'billing' }, other.handler)
    subscription.pause()
    await t.faults.cut('consumer')
    await publisher.publish('orders', item('a'))
    await t.faults.heal('consumer')
    await quiet(t, publisher, 'invoices', [{ recorder: other, subscription: control }])
    await t.pass(300)
    seen.assertExactly([])
    subscription.resume()
    await t.until(() => seen.done.includes('a'), 'the event')
    assert.equal(subscription.state, 'live')
  },
}

export const pauseCases: readonly ConformanceCase[] = [
  pauseAndResume,
  pausedGivesBack,
  pauseSurvivesReconnect,
]
