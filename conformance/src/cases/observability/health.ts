import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { answer, Quote } from '../requests/quote.ts'
import { gate } from '../support/gate.ts'
import { item } from '../support/items.ts'
import { witness } from '../support/witness.ts'

const states: ConformanceCase = {
  id: 'observability.health@1',
  title: 'Health names every subscription and its state, through pause, drain and close',
  requires: ['subscribe.group', 'settle.release'],
  covers: [129, 131],
  run: async t => {
    const bus = await t.bus()
    assert.deepEqual([bus.health.status, bus.health.connection], ['live', 'live'])
    const busy = gate()
    const seen = witness(t, d => busy.passed(d.signal))
    const subscription = await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const look = () => bus.health.subscriptions.map(s => [s.topic, s.group, s.state, s.running])
    assert.deepEqual(look(), [['jobs', 'workers', 'live', 0]])
    subscription.pause()
    assert.deepEqual(look(), [['jobs', 'workers', 'paused', 0]])
    assert.equal(bus.health.status, 'live')
    subscription.resume()
    await bus.publish('jobs', item('one'))
    await t.until(() => seen.deliveries.length === 1, 'the handler to run')
    assert.deepEqual(look(), [['jobs', 'workers', 'live', 1]])
    const draining = subscription.drain()
    assert.equal(subscription.state, 'draining')
    busy.open()
    await t.within(draining, 'the drain')
    assert.equal(subscription.state, 'closed')
    await bus.close()
    assert.deepEqual([bus.health.status, bus.health.connection], ['closed', 'closed'])
  },
}

const stuck: ConformanceCase = {
  id: 'observability.stuck@1',
  title: 'A handler that does not come to an end is reported, with how long it has been at it',
  requires: ['subscribe.group', 'lease.extend'],
  covers: [24, 129],
  run: async t => {
    const bus = await t.bus()
    const busy = gate()
    const seen = witness(t, d => (d.event.id === 'endless' ? busy.passed(d.signal) : undefined))
    await bus.subscribe('jobs', { group: 'workers', concurrency: 2, lease: 1_000 }, seen.handle)
    await bus.publish('jobs', item('endless'))
    await t.until(() => seen.deliveries.length === 1, 'the handler to run')
    const started = t.clock.now()
    assert.equal(bus.health.subscriptions[0]?.stuck, false)
    await t.until(() => bus.health.status !== 'live', 'the handler to be reported', 15_000)

    const [subscription] = bus.health.subscriptions
    assert.equal(bus.health.status, 'degraded')
    assert.equal(subscription?.stuck, true)
    const age = subscription?.oldestRunning ?? 0
    assert.ok(age >= 10_000 && age <= t.clock.now() - started + 1_000, `it has been running for ${age} ms`)
    busy.open()
    await t.until(() => bus.health.status === 'live', 'health to be restored')
    assert.equal(seen.starts('endless'), 1, 'its lease was not renewed')
  },
}

const quiet: ConformanceCase = {
  id: 'observability.quiet@1',
  title: 'While all goes well nothing is logged above debug, and no error is reported',
  requires: ['subscribe.group', 'subscribe.broadcast', 'request.reply', 'retry.durable'],
  covers: [132],
  run: async t => {
    const publisher = await t.bus()
    const bus = await t.bus()
    const seen = witness(t, d => {
      if (d.group !== undefined && d.attempt === 1) throw new Error('a handler’s own business')
    })
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await bus.subscribe('jobs', {}, seen.handle)
    await bus.respond(Quote, { group: 'pricing' }, ({ input }) => answer(input.sku))
    await publisher.publish('jobs', item('one'))
    await t.within(publisher.request(Quote, { sku: 'a' }), 'the answer')
    await t.until(() => seen.deliveries.length === 3, 'the event and its retry')
    await t.within(bus.drain(), 'the drain')
    await t.within(publisher.close(), 'the close')

    assert.deepEqual(t.logged, [])
    assert.deepEqual(t.backgroundErrors, [])
  },
}

export const healthCases = [states, stuck, quiet]
