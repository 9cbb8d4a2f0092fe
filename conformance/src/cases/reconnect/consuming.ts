import assert from 'node:assert/strict'
import { isBusError } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../../model/case.ts'
import { answer, Quote } from '../requests/quote.ts'
import { gate } from '../support/gate.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { emptied } from '../support/quiet.ts'
import { after } from '../support/retries.ts'
import { witness } from '../support/witness.ts'

/** Every kind of receiver on one client, the link broken and healed, and then everything must work again. */
async function comesBack(t: CaseContext, breakIt: () => Promise<void>): Promise<void> {
  const publisher = await t.bus({ client: 'publisher' })
  const victim = await t.bus({ client: 'victim' })
  const grouped = witness(t)
  const broadcast = witness(t)
  const subscription = await victim.subscribe('jobs', { group: 'workers' }, grouped.handle)
  await victim.subscribe('news', {}, broadcast.handle)
  await victim.respond(Quote, { group: 'pricing' }, ({ input }) => answer(input.sku))
  await publisher.publish('jobs', item('before'))
  await t.until(() => grouped.starts('before') === 1, 'an event before')

  await breakIt()
  await t.within(publisher.publish('jobs', item('meanwhile')), 'a publish meanwhile')
  await t.until(() => grouped.starts('meanwhile') > 0, 'the group to get what it missed')
  await t.until(
    () => victim.health.status === 'live' && publisher.health.status === 'live',
    'both to be well',
  )
  await t.within(publisher.publish('news', item('fresh')), 'a publish after')
  await t.until(() => broadcast.starts('fresh') > 0, 'the broadcast subscription to be back')
  assert.deepEqual(await t.within(publisher.request(Quote, { sku: 'a' }), 'the answer'), answer('a'))
  assert.equal(subscription.state, 'live')
  await emptied(t, publisher, 'jobs', 'workers')
}

const cut: ConformanceCase = {
  id: 'reconnect.cut@1',
  title: 'After its link was broken a client’s groups, broadcasts and responders come back by themselves',
  requires: ['subscribe.group', 'subscribe.broadcast', 'request.reply'],
  faults: ['cut', 'heal'],
  covers: [105, 106, 131],
  run: t =>
    comesBack(t, async () => {
      await t.faults.cut('victim')
      await t.pass(300)
      await t.faults.heal('victim')
    }),
}

const channel: ConformanceCase = {
  id: 'reconnect.channel@1',
  title: 'A subscription whose channel the broker ended, while the connection lived on, comes back by itself',
  requires: ['subscribe.group', 'subscribe.broadcast', 'request.reply'],
  faults: ['kill-channel'],
  covers: [108],
  run: t => comesBack(t, () => t.faults.killChannel('victim')),
}

const restarted: ConformanceCase = {
  id: 'reconnect.broker-restart@1',
  title: 'After a restart of the broker groups, broadcasts and responders come back by themselves',
  requires: ['subscribe.group', 'subscribe.broadcast', 'request.reply'],
  faults: ['restart-broker'],
  covers: [105],
  run: t => comesBack(t, () => t.within(t.faults.restartBroker(), 'the restart')),
}

const truthful: ConformanceCase = {
  id: 'reconnect.health@1',
  title:
    'While the link is broken health says so, for the connection and each subscription, and again when it is back',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [129, 131],
  run: async t => {
    const bus = await t.bus({ client: 'victim' })
    const subscription = await bus.subscribe('jobs', { group: 'workers' }, () => {})
    assert.equal(bus.health.status, 'live')
    await t.faults.cut('victim')
    await t.until(() => bus.health.connection === 'reconnecting', 'the break to be noticed', 60_000)
    assert.equal(bus.health.status, 'degraded')
    await t.until(() => subscription.state === 'reconnecting', 'the subscription to say so', 60_000)
    await t.faults.heal('victim')
    await t.until(() => bus.health.status === 'live', 'the bus to be well again', 60_000)
    assert.equal(subscription.state, 'live')
  },
}

const runningHandler: ConformanceCase = {
  id: 'reconnect.running-handler@1',
  title:
    'A handler that was running when the link broke does no harm with its late settlement, and its event is handled',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [23, 105],
  run: async t => {
    const bus = await t.bus({ client: 'victim' })
    const busy = gate()
    const seen = witness(t, async () => {
      if (seen.deliveries.length === 1) await busy.passed()
    })
    const subscription = await bus.subscribe('jobs', { group: 'workers', concurrency: 4 }, seen.handle)
    await bus.publish('jobs', item('long'))
    await t.until(() => seen.deliveries.length === 1, 'the handler to run')
    await t.faults.cut('victim')
    await t.pass(200)
    await t.faults.heal('victim')
    await t.until(() => bus.health.status === 'live', 'the link to be back')
    busy.open()
    await t.within(bus.publish('jobs', item('next')), 'the next publish')
    await t.until(() => seen.starts('next') === 1, 'the next event')
    await emptied(t, bus, 'jobs', 'workers')
    await t.until(() => subscription.stats.held === 0, 'nothing to be held')
    assert.ok(
      seen.starts('long') >= 1 && seen.starts('long') <= 2,
      `it was handled ${seen.starts('long')} times`,
    )
    assert.deepEqual(await bus.deadLetters('jobs', 'workers').list(), [])
  },
}

const takenOver: ConformanceCase = {
  id: 'reconnect.taken-over@1',
  title:
    'A handler whose event was given to another while its link was broken is told, and what it settles counts no more',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [23, 42],
  run: async t => {
    const victim = await t.bus({ client: 'victim' })
    const heir = await t.bus({ client: 'heir' })
    const busy = gate()
    let reason: unknown
    const cutOff = witness(t, async ({ signal }) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason
      })
      await busy.passed()
    })
    const options = { group: 'workers', lease: 2_000 }
    const subscription = await victim.subscribe('jobs', options, cutOff.handle)
    await victim.publish('jobs', item('contested'))
    await t.until(() => cutOff.deliveries.length === 1, 'the handler to run')
    await t.faults.cut('victim')
    const seen = witness(t)
    await heir.subscribe('jobs', options, seen.handle)
    await t.until(() => seen.starts('contested') === 1, 'another to get it')
    await t.faults.heal('victim')
    await t.until(() => reason !== undefined, 'the handler to be told', 60_000)
    busy.open()
    await t.until(() => subscription.stats.held === 0, 'the late settlement to be over')
    await emptied(t, heir, 'jobs', 'workers')

    assert.ok(isBusError(reason, 'LEASE_LOST'), `it was told ${String(reason)}`)
    assert.equal(subscription.stats.lost, 1)
    assert.equal(seen.deliveries.length, 1)
    assert.deepEqual(await heir.deadLetters('jobs', 'workers').list(), [])
  },
}

const crashed: ConformanceCase = {
  id: 'reconnect.killed@1',
  title:
    'What a killed process had taken, started or not, is handled by another, and nothing of it is dead-lettered',
  requires: ['subscribe.group', 'dead-letter.store'],
  faults: ['crash'],
  covers: [42, 110],
  run: async t => {
    const publisher = await t.bus({ client: 'publisher' })
    const victim = await t.bus({ client: 'victim' })
    const stuck = witness(t, () => new Promise(() => {}))
    const options = { group: 'workers', concurrency: 2, prefetch: 10, lease: 2_000, retry: after(3, 20) }
    await victim.subscribe('jobs', options, stuck.handle)
    const names = ids('job', 15)
    await publishItems(publisher, 'jobs', names)
    await t.until(() => stuck.deliveries.length === 2, 'the handlers to run')
    await t.faults.crash('victim')
    const heir = await t.bus({ client: 'heir' })
    const seen = witness(t)
    await heir.subscribe('jobs', options, seen.handle)
    await t.until(() => names.every(id => seen.starts(id) > 0), 'every event')
    await emptied(t, heir, 'jobs', 'workers')
    assert.deepEqual(await heir.deadLetters('jobs', 'workers').list(), [])
  },
}

const failingHandler: ConformanceCase = {
  id: 'reconnect.while-failing@1',
  title:
    'A restart of the broker while handlers fail leaves nothing stuck: every event is handled in the end',
  requires: ['subscribe.group', 'retry.durable'],
  faults: ['restart-broker'],
  covers: [112],
  run: async t => {
    const bus = await t.bus({ client: 'victim' })
    const names = ids('job', 10)
    let broken = true
    const done = new Set<string>()
    const seen = witness(t, d => {
      if (broken) throw new Error('downstream is away')
      done.add(d.event.id)
    })
    const retry = { attempts: 100, backoff: { kind: 'fixed', delay: 100, jitter: 'none' } } as const
    await bus.subscribe('jobs', { group: 'workers', concurrency: 4, retry }, seen.handle)
    await publishItems(bus, 'jobs', names)
    await t.until(() => seen.deliveries.length > 15, 'retries to be under way')
    await t.within(t.faults.restartBroker(), 'the restart')
    await t.pass(500)
    broken = false
    await t.until(() => done.size === names.length, 'every event to be handled')
    await emptied(t, bus, 'jobs', 'workers')
    assert.deepEqual(await bus.deadLetters('jobs', 'workers').list(), [])
  },
}

export const consumingCases = [
  cut,
  channel,
  restarted,
  truthful,
  runningHandler,
  takenOver,
  crashed,
  failingHandler,
]
