import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { item, sorted } from '../support/items.ts'
import { quiet } from '../support/quiet.ts'
import { recorder } from '../support/recorder.ts'
import { atOnce } from '../support/retries.ts'

/** Topics a pattern takes among those of the table, by what `*` (one segment) and `**` (one or more) say. */
const PATTERNS: Readonly<Record<string, readonly string[]>> = {
  'orders.*': ['orders.eu', 'orders.us'],
  'orders.**': ['orders.eu', 'orders.us', 'orders.eu.de', 'orders.eu.de.south'],
  '*.eu': ['orders.eu', 'refunds.eu'],
  '*.eu.*': ['orders.eu.de'],
  '**.de': ['orders.eu.de'],
  '*': ['orders', 'ordersx'],
  'orders.*.*.*': ['orders.eu.de.south'],
  'orders.**.south': ['orders.eu.de.south'],
}
const TOPICS = [
  'orders',
  'ordersx',
  'orders.eu',
  'orders.us',
  'refunds.eu',
  'orders.eu.de',
  'orders.eu.de.south',
]

const table: ConformanceCase = {
  id: 'routing.wildcard-table@1',
  title:
    '`*` stands for one segment and `**` for one or more; a delivery names the topic it was published to',
  requires: ['subscribe.wildcard', 'subscribe.group'],
  covers: [47, 48],
  permutations: [
    { name: 'topics-before', before: true },
    { name: 'topics-after', before: false },
  ],
  async run(t, { before }) {
    const publisher = await t.bus()
    const bus = await t.bus()
    if (before === true) for (const topic of TOPICS) await publisher.publish(topic, item('history'))
    const consumers = await Promise.all(
      Object.entries(PATTERNS).map(async ([pattern, topics]) => {
        const seen = recorder()
        await bus.subscribe(pattern, { group: 'audit' }, seen.handler)
        return { pattern, topics, seen }
      }),
    )
    for (const topic of TOPICS) await publisher.publish(topic, item(`on-${topic}`))
    for (const { pattern, topics, seen } of consumers) {
      await t.until(() => seen.done.length >= topics.length, `the events of ${pattern}`)
    }
    // A second round shows that the first brought each consumer nothing else.
    for (const topic of TOPICS) await publisher.publish(topic, item(`again-${topic}`))
    for (const { pattern, topics, seen } of consumers) {
      await t.until(() => seen.done.length >= 2 * topics.length, `the second events of ${pattern}`)
      const expected = topics.flatMap(topic => [`on-${topic}`, `again-${topic}`])
      seen.assertExactly(expected, pattern)
      for (const { topic, event } of seen.deliveries)
        assert.ok(event.id.endsWith(`-${topic}`), `${event.id}: ${topic}`)
    }
  },
}

const members: ConformanceCase = {
  id: 'routing.wildcard-group@1',
  title: 'A wildcard group is durable and shared like any other, topics that appear later included',
  requires: ['subscribe.wildcard', 'subscribe.group'],
  covers: [6, 38, 47],
  async run(t) {
    const publisher = await t.bus()
    const one = recorder()
    const two = recorder()
    const first = await t.bus()
    const second = await t.bus()
    await first.subscribe('orders.*', { group: 'audit', concurrency: 1, prefetch: 1 }, one.handler)
    await second.subscribe('orders.*', { group: 'audit', concurrency: 1, prefetch: 1 }, two.handler)
    const ids = Array.from({ length: 20 }, (_, n) => `event-${n}`)
    for (const [n, id] of ids.entries()) await publisher.publish(`orders.topic-${n % 5}`, item(id))
    await t.until(() => one.done.length + two.done.length >= ids.length, 'all events')
    assert.deepEqual(sorted([...one.ids(), ...two.ids()]), sorted(ids))

    await t.within(Promise.all([first.close(), second.close()]), 'both members to leave')
    await publisher.publish('orders.topic-0', item('away'))
    await publisher.publish('orders.brand-new', item('new-topic'))
    const back = recorder()
    const bus = await t.bus()
    await bus.subscribe('orders.*', { group: 'audit' }, back.handler)
    await t.until(() => back.done.length >= 2, 'what was published meanwhile')
    back.assertExactly(['away', 'new-topic'])
  },
}

const overlap: ConformanceCase = {
  id: 'routing.wildcard-overlap@1',
  title: 'Subscriptions whose patterns overlap are independent: each gets a matching event once',
  requires: ['subscribe.wildcard', 'subscribe.group'],
  covers: [49, 37],
  async run(t) {
    const bus = await t.bus()
    const places = [
      ['orders.*', 'audit'],
      ['orders.**', 'audit'],
      ['orders.eu', 'audit'],
      ['*.eu', 'search'],
      ['orders.eu', 'billing'],
    ] as const
    const consumers = await Promise.all(
      places.map(async ([topic, group]) => {
        const seen = recorder()
        return { recorder: seen, subscription: await bus.subscribe(topic, { group }, seen.handler) }
      }),
    )
    await bus.publish('orders.eu', item('a'))
    for (const consumer of consumers) {
      await t.until(() => consumer.recorder.done.includes('a'), `the event at ${consumer.subscription.topic}`)
      await quiet(t, bus, 'orders.eu', [consumer])
      consumer.recorder.assertExactly(['a'], consumer.subscription.topic)
    }
  },
}

const broadcast: ConformanceCase = {
  id: 'routing.wildcard-broadcast@1',
  title: 'A broadcast subscription takes a pattern too',
  requires: ['subscribe.wildcard', 'subscribe.broadcast'],
  covers: [39, 47],
  async run(t) {
    const publisher = await t.bus()
    const instances = await Promise.all(
      [0, 1].map(async () => {
        const seen = recorder()
        const subscription = await (await t.bus()).subscribe('prices.*', {}, seen.handler)
        return { recorder: seen, subscription }
      }),
    )
    await publisher.publish('prices', item('too-short'))
    await publisher.publish('prices.eu.de', item('too-long'))
    await publisher.publish('prices.eu', item('eu'))
    await publisher.publish('prices.us', item('us'))
    for (const instance of instances) {
      await t.until(() => instance.recorder.done.length >= 2, 'both events')
      await quiet(t, publisher, 'prices.eu', [instance])
      instance.recorder.assertExactly(['eu', 'us'])
    }
  },
}

const deadLetters: ConformanceCase = {
  id: 'routing.wildcard-dead-letters@1',
  title:
    'Dead letters of a wildcard group are kept under its pattern, name their topic, and go back to that group alone',
  requires: ['subscribe.wildcard', 'subscribe.group', 'dead-letter.store'],
  covers: [50, 67],
  async run(t) {
    const bus = await t.bus()
    let fixed = false
    const failing = recorder(() => {
      if (!fixed) throw new Error('not fixed yet')
    })
    const fine = recorder()
    const options = { group: 'audit', retry: atOnce(2) }
    const subscription = await bus.subscribe('orders.*', options, failing.handler)
    const other = await bus.subscribe('orders.eu', { group: 'billing' }, fine.handler)
    await bus.publish('orders.eu', item('eu'))
    await bus.publish('orders.us', item('us'))
    const dead = bus.deadLetters('orders.*', 'audit')
    const letters = await deadLettered(t, bus, 'orders.*', 'audit', 2)
    assert.deepEqual(
      new Map(letters.map(l => [l.event?.id, l.topic])),
      new Map([
        ['eu', 'orders.eu'],
        ['us', 'orders.us'],
      ]),
    )
    assert.deepEqual(await bus.deadLetters('orders.eu', 'billing').list(), [])

    fixed = true
    const progress = await t.within(dead.redrive(), 'the redrive')
    assert.equal(progress.redriven, 2)
    await t.until(() => failing.done.length >= 2, 'both to be handled')
    await quiet(t, bus, 'orders.eu', [{ recorder: failing, subscription }])
    await quiet(t, bus, 'orders.eu', [{ recorder: fine, subscription: other }])
    assert.deepEqual(new Set(failing.deliveries.map(d => d.topic)), new Set(['orders.eu', 'orders.us']))
    fine.assertExactly(['eu'])
    assert.deepEqual(await dead.list(), [])
  },
}

export const wildcardCases: readonly ConformanceCase[] = [table, members, overlap, broadcast, deadLetters]
