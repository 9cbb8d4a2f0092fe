import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { answer, Quote } from '../requests/quote.ts'
import { deadLettered } from '../support/dead.ts'
import { gate } from '../support/gate.ts'
import { ids, item, publishItems, sorted } from '../support/items.ts'
import { emptied } from '../support/quiet.ts'
import { reader } from '../support/reader.ts'
import { after } from '../support/retries.ts'
import { witness } from '../support/witness.ts'

const waits: ConformanceCase = {
  id: 'shutdown.drain-waits@1',
  title: 'Draining waits for running handlers and settles what they did: nobody does it again',
  requires: ['subscribe.group', 'settle.release'],
  covers: [95],
  run: async t => {
    const leaving = await t.bus()
    const busy = gate()
    const finished: string[] = []
    const running = witness(t, async d => {
      await busy.passed(d.signal)
      finished.push(d.event.id)
    })
    await leaving.subscribe('jobs', { group: 'workers', concurrency: 3, prefetch: 3 }, running.handle)
    await publishItems(leaving, 'jobs', ids('job', 3))
    await t.until(() => running.deliveries.length === 3, 'the handlers to run')
    let drained = false
    const draining = leaving.drain({ deadline: 60_000 }).then(() => {
      drained = true
    })
    const staying = await t.bus()
    const seen = witness(t)
    await staying.subscribe('jobs', { group: 'workers' }, seen.handle)
    await staying.publish('jobs', item('later'))
    await t.until(() => seen.deliveries.length > 0, 'the other member to get what comes later')
    assert.equal(drained, false, 'drain did not wait')
    busy.open()
    await t.within(draining, 'the drain')
    await emptied(t, staying, 'jobs', 'workers')

    assert.deepEqual(sorted(finished), ids('job', 3))
    assert.deepEqual(seen.ids, ['later'])
    assert.equal(running.deliveries.length, 3)
  },
}

const handsBack: ConformanceCase = {
  id: 'shutdown.hands-back@1',
  title: 'Events that were taken and not started go back at once, uncharged, when their member stops',
  requires: ['subscribe.group', 'settle.release'],
  covers: [102],
  permutations: [
    { name: 'drain' },
    { name: 'close' },
    { name: 'subscription drain' },
    { name: 'subscription close' },
  ],
  run: async (t, { name }) => {
    const leaving = await t.bus()
    const busy = gate()
    const started = witness(t, d => busy.passed(d.signal))
    const options = { group: 'workers', concurrency: 1, prefetch: 20, lease: 3_000_000, retry: after(1, 0) }
    const subscription = await leaving.subscribe('jobs', options, started.handle)
    const names = ids('job', 20)
    await publishItems(leaving, 'jobs', names)
    await t.until(() => subscription.stats.held === 20, 'all of them to be taken')
    const staying = await t.bus()
    const seen = witness(t)
    await staying.subscribe('jobs', options, seen.handle)
    const target = name.startsWith('subscription') ? subscription : leaving
    const stopped = name.endsWith('drain') ? target.drain({ deadline: 60_000 }) : target.close()
    // Well within the lease: nobody had to find out that the member is gone.
    const others = () => names.filter(id => id !== started.ids[0])
    await t.until(
      () => others().every(id => seen.starts(id) > 0),
      'the others to be handled elsewhere',
      15_000,
    )
    busy.open()
    await t.within(stopped, 'the member to stop')

    assert.equal(started.deliveries.length, 1, 'a handler was started while stopping')
    for (const id of others()) assert.equal(seen.starts(id), 1, id)
    assert.ok(
      seen.deliveries.every(d => d.attempt === 1),
      'events were charged for their member’s stop',
    )
    assert.deepEqual(await staying.deadLetters('jobs', 'workers').list(), [])
  },
}

const drainingHandler: ConformanceCase = {
  id: 'shutdown.draining-handler@1',
  title: 'A handler that is finishing during a drain can still publish, ask and ack',
  requires: ['subscribe.group', 'request.reply', 'retry.durable', 'dead-letter.store'],
  covers: [104],
  run: async t => {
    const other = await t.bus()
    const seen = witness(t)
    await other.subscribe('results', { group: 'readers' }, seen.handle)
    await other.respond(Quote, { group: 'pricing' }, ({ input }) => answer(input.sku))
    const leaving = await t.bus()
    const busy = gate()
    let asked: unknown
    const running = witness(t, async d => {
      await busy.passed(d.signal)
      if (d.event.id === 'fails') throw new Error('always')
      asked = await leaving.request(Quote, { sku: 'abc' })
      await leaving.publish('results', item('result'))
    })
    await leaving.subscribe('jobs', { group: 'workers', retry: after(1, 0) }, running.handle)
    await publishItems(leaving, 'jobs', ['works', 'fails'])
    await t.until(() => running.deliveries.length === 2, 'the handlers to run')
    const draining = leaving.drain({ deadline: 60_000 })
    busy.open()
    await t.within(draining, 'the drain')
    await t.until(() => seen.deliveries.length === 1, 'what it published')

    assert.deepEqual(asked, answer('abc'))
    const letters = await deadLettered(t, other, 'jobs', 'workers')
    assert.deepEqual(
      letters.map(l => l.event?.id),
      ['fails'],
    )
    await emptied(t, other, 'jobs', 'workers')
  },
}

const restart: ConformanceCase = {
  id: 'shutdown.restart@1',
  title:
    'A service stopped and started again goes on where it was: nothing is missing and nothing comes twice',
  requires: ['subscribe.group', 'settle.release'],
  covers: [97, 120],
  run: async t => {
    const publisher = await t.bus()
    const names = ids('job', 60)
    const seen = witness(t)
    for (let life = 0; life < 3; life++) {
      const service = await t.bus({ clientName: 'service' })
      await service.subscribe('jobs', { group: 'workers', concurrency: 2 }, seen.handle)
      const before = seen.deliveries.length
      await publishItems(publisher, 'jobs', names.slice(life * 20, life * 20 + 15))
      await t.until(() => seen.deliveries.length > before + 3, 'some to be handled')
      await t.within(service.drain(), 'the service to stop')
      // These come while nobody is there.
      await publishItems(publisher, 'jobs', names.slice(life * 20 + 15, life * 20 + 20))
    }
    const last = await t.bus()
    await last.subscribe('jobs', { group: 'workers' }, seen.handle)
    await t.until(() => names.every(id => seen.starts(id) > 0), 'every event')
    await emptied(t, last, 'jobs', 'workers')
    assert.deepEqual(sorted(seen.ids), sorted(names))
  },
}

const oneOfMany: ConformanceCase = {
  id: 'shutdown.one-subscription@1',
  title: 'Draining one subscription ends that one alone, and its topic and group can be subscribed to again',
  requires: ['subscribe.group', 'settle.release'],
  covers: [45, 97],
  run: async t => {
    const bus = await t.bus()
    const jobs = witness(t)
    const tasks = witness(t)
    const first = await bus.subscribe('jobs', { group: 'workers' }, jobs.handle)
    await bus.subscribe('tasks', { group: 'workers' }, tasks.handle)
    await t.within(first.drain(), 'the subscription to drain')
    assert.equal(first.state, 'closed')
    await bus.publish('jobs', item('waits'))
    await bus.publish('tasks', item('flows'))
    await t.until(() => tasks.starts('flows') === 1, 'the other subscription to go on')
    assert.deepEqual(jobs.ids, [])
    await bus.subscribe('jobs', { group: 'workers' }, jobs.handle)
    await t.until(() => jobs.starts('waits') === 1, 'the event that waited')
  },
}

const streamBreaks: ConformanceCase = {
  id: 'shutdown.stream-break@1',
  title: 'Leaving a stream’s loop gives back what was not settled, uncharged, and ends it',
  requires: ['subscribe.group', 'settle.release'],
  covers: [102],
  run: async t => {
    const bus = await t.bus()
    const stream = bus.stream('jobs', { group: 'workers', lease: 3_000_000 })
    const deliveries = await reader(t, stream)
    const names = ids('job', 6)
    await publishItems(bus, 'jobs', names)
    const [first] = await deliveries.take(2)
    await t.within(first?.ack() ?? Promise.reject(new Error('no delivery')), 'the ack')
    await t.within(stream.close(), 'the stream to close')

    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const rest = names.filter(id => id !== first?.event.id)
    await t.until(() => rest.every(id => seen.starts(id) > 0), 'the rest', 15_000)
    assert.deepEqual(sorted(seen.ids), sorted(rest))
    assert.ok(seen.deliveries.every(d => d.attempt === 1))
  },
}

export const drainCases = [waits, handsBack, drainingHandler, restart, oneOfMany, streamBreaks]
