import assert from 'node:assert/strict'
import { type Bus, topic } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { item } from '../support/items.ts'
import { quiet } from '../support/quiet.ts'
import { recorder } from '../support/recorder.ts'
import { rejection } from '../support/rejection.ts'

interface Place {
  readonly bus: Bus
  readonly topic: string
  readonly group: string
}

/** Subscribes at every place, publishes one event to each topic of each bus, and checks that each got its own alone. */
async function eachGetsItsOwn(t: CaseContext, places: readonly Place[]): Promise<void> {
  const consumers = await Promise.all(
    places.map(async (place, n) => {
      const seen = recorder()
      const subscription = await place.bus.subscribe(place.topic, { group: place.group }, seen.handler)
      return { ...place, n, recorder: seen, subscription }
    }),
  )
  const published = new Map<Bus, Map<string, string>>()
  for (const { bus, topic, n } of consumers) {
    const names = published.get(bus) ?? new Map<string, string>()
    published.set(bus, names)
    if (names.has(topic)) continue
    names.set(topic, `event-${n}`)
    await bus.publish(topic, item(`event-${n}`))
  }
  for (const consumer of consumers) {
    const { bus, topic, group, recorder: seen } = consumer
    await t.until(() => seen.done.length > 0, `the event of topic ${topic} in group ${group}`)
    await quiet(t, bus, topic, [consumer])
    seen.assertExactly([published.get(bus)?.get(topic) ?? ''], `topic ${topic}, group ${group}`)
    assert.ok(seen.deliveries.every(d => d.topic === topic && d.group === group))
  }
}

const likeNames: ConformanceCase = {
  id: 'routing.like-names-never-meet@1',
  title: 'Topics and groups whose names look alike to a broker are kept apart',
  requires: ['subscribe.group'],
  covers: [5, 52],
  permutations: [
    {
      name: 'dots-and-hyphens',
      names: [
        ['a.b', 'g'],
        ['a-b', 'g'],
        ['ab', 'g'],
        ['a.b.c', 'g'],
        ['a--b', 'g'],
      ],
    },
    {
      name: 'topic-and-group',
      names: [
        ['a.b', 'c'],
        ['a', 'b.c'],
        ['a', 'b-c'],
        ['a.b.c', 'c'],
        ['a-b', 'c'],
      ],
    },
    {
      name: 'letter-case',
      names: [
        ['Orders', 'g'],
        ['orders', 'g'],
        ['ORDERS', 'G'],
        ['orders', 'G'],
      ],
    },
    {
      name: 'like-our-own',
      names: [
        ['a', 'dlq'],
        ['a.dlq', 'g'],
        ['a.retry', 'g'],
        ['a', 'retry'],
        ['a.dead', 'g'],
        ['a.inbox', 'g'],
      ],
    },
  ],
  async run(t, { names }) {
    const bus = await t.bus()
    const places = (names as [string, string][]).map(([topic, group]) => ({ bus, topic, group }))
    await eachGetsItsOwn(t, places)
  },
}

const longNames: ConformanceCase = {
  id: 'routing.long-names@1',
  title: 'The longest legal names work, and two that differ in their last character are two',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [52],
  async run(t) {
    const bus = await t.bus()
    const topicName = (last: string) => `${'segment-of-a-name.'.repeat(6)}segment-end${last}`
    const groupName = (last: string) => 'g'.repeat(59) + last
    assert.equal(topicName('1').length, 120)
    await eachGetsItsOwn(t, [
      { bus, topic: topicName('1'), group: groupName('1') },
      { bus, topic: topicName('2'), group: groupName('1') },
      { bus, topic: topicName('2'), group: groupName('2') },
      { bus, topic: '9', group: '0' },
      { bus, topic: '-', group: '-' },
    ])
    assert.deepEqual(await bus.deadLetters('9', '0').list(), [])
  },
}

const illegalNames: ConformanceCase = {
  id: 'routing.illegal-names-refused@1',
  title:
    'An illegal topic, group or pattern is refused with a typed error that names the field, before any traffic',
  requires: ['subscribe.group'],
  covers: [52, 125],
  async run(t) {
    const bus = await t.bus()
    const handler = () => {}
    for (const bad of ['', 'a b', 'a_b', 'a..b', '.a', 'a.', 'a/b', 'ä', 'x'.repeat(121), 'a*']) {
      await rejection(bus.publish(bad, item('a')), 'ILLEGAL_NAME')
      await rejection(bus.subscribe(bad, { group: 'g' }, handler), 'ILLEGAL_NAME')
      assert.throws(() => topic(bad), { code: 'ILLEGAL_NAME' })
    }
    for (const bad of ['a b', 'a_b', 'a.', '*', 'g'.repeat(61)]) {
      const error = await rejection(bus.subscribe('orders', { group: bad }, handler), 'ILLEGAL_NAME')
      assert.match(error.field ?? '', /group/, `field of group ${JSON.stringify(bad)}`)
    }
    await rejection(bus.publish('orders.*', item('a')), 'ILLEGAL_NAME')
    const seen = recorder()
    await bus.subscribe('orders', { group: 'g' }, seen.handler)
    await bus.publish('orders', item('fine'))
    await t.until(() => seen.done.includes('fine'), 'a legal one to work after all that')
  },
}

const prefixes: ConformanceCase = {
  id: 'routing.prefixes-never-meet@1',
  title: 'Two prefixes on one broker never meet, and neither is seen in a delivery',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [5, 52],
  async run(t) {
    const one = await t.bus({ prefix: `${t.prefix}1` })
    const two = await t.bus({ prefix: `${t.prefix}2` })
    const dotted = await t.bus({ prefix: `${t.prefix}1.orders` })
    await eachGetsItsOwn(t, [
      { bus: one, topic: 'orders', group: 'billing' },
      { bus: two, topic: 'orders', group: 'billing' },
      { bus: one, topic: 'orders.eu', group: 'billing' },
      { bus: dotted, topic: 'eu', group: 'billing' },
    ])
    await one.subscribe('refunds', { group: 'billing', retry: { attempts: 1 } }, () => {
      throw new Error('always')
    })
    await one.publish('refunds', item('a'))
    const [letter] = await deadLettered(t, one, 'refunds', 'billing')
    assert.equal(letter?.topic, 'refunds')
    await two.subscribe('refunds', { group: 'billing' }, () => {})
    assert.deepEqual(await two.deadLetters('refunds', 'billing').list(), [])
  },
}

export const namingCases: readonly ConformanceCase[] = [likeNames, longNames, illegalNames, prefixes]
