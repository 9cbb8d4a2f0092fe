import type { TopicSpec } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { ack, consume, listen, message, messages, never, plain, World } from '../harness.ts'

describe('where a group begins', () => {
  it('is at new, and is kept while nobody is there', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    await broker.publish([message('before')])
    const first = await consume(broker)
    await first.subscription.close(never)
    await broker.publish([message('meanwhile')])
    const second = await consume(broker, { start: 'earliest' })
    await world.settle()
    expect(second.texts).toEqual(['meanwhile'])
  })

  it('can be the earliest retained event, a time, or a position', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    await broker.publish([message('a')])
    await world.clock.advance(1_000)
    const time = new Date(world.clock.now())
    await broker.publish([message('b')])
    await world.clock.advance(1_000)
    const [c] = await broker.publish([message('c')])
    const position = c?.status === 'confirmed' ? (c.position ?? '') : ''
    const earliest = await consume(broker, { group: '1', start: 'earliest' })
    const byTime = await consume(broker, { group: '2', start: { time } })
    const byPosition = await consume(broker, { group: '3', start: { position } })
    await broker.publish([message('d')])
    await world.settle()
    expect(earliest.texts).toEqual(['a', 'b', 'c', 'd'])
    expect(byTime.texts).toEqual(['b', 'c', 'd'])
    expect(byPosition.texts).toEqual(['c', 'd'])
  })

  it('can still be chosen for a group that was declared and never read', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    await broker.publish([message('a')])
    await broker.topology(
      { topics: [], groups: [{ kind: 'events', topic: 'orders', group: 'billing' }] },
      'declare',
    )
    await broker.publish([message('b')])
    const consumer = await consume(broker, { start: 'earliest' })
    await world.settle()
    expect(consumer.texts).toEqual(['a', 'b'])
  })

  it('keeps the order of events over the topics of a wildcard', async () => {
    const world = new World()
    const broker = await world.with(['orders.eu', 'orders.us'])
    for (const [i, to] of ['orders.us', 'orders.eu', 'orders.us'].entries())
      await broker.publish([message(`${i}`, to)])
    const consumer = await consume(broker, { topic: 'orders.*', start: 'earliest' })
    await world.settle()
    expect(consumer.texts).toEqual(['0', '1', '2'])
    expect(consumer.got.map(d => d.topic)).toEqual(['orders.us', 'orders.eu', 'orders.us'])
  })

  it('refuses a position that is none', async () => {
    const broker = await new World().with(['orders'])
    await expect(consume(broker, { start: { position: 'x' } })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      field: 'start.position',
    })
  })

  it.each<[string, TopicSpec['retention'], string[]]>([
    ['count', { count: 2 }, ['3', '4']],
    ['age', { age: 2_000 }, ['4']],
    ['bytes', { bytes: 1 }, []],
    ['nothing', undefined, ['0', '1', '2', '3', '4']],
  ])('is bounded by a retention of %s', async (_name, retention, expected) => {
    const world = new World()
    const broker = await world.with([
      retention === undefined ? plain('orders') : { ...plain('orders'), retention },
    ])
    for (const outgoing of messages(5)) {
      await world.clock.advance(1_000)
      await broker.publish([outgoing])
    }
    await world.clock.advance(1_000)
    const consumer = await consume(broker, { start: 'earliest' })
    await world.settle()
    expect(consumer.texts).toEqual(expected)
  })
})

describe('wildcards and broadcasts', () => {
  it('a wildcard group gets matching topics of today and of tomorrow, once each, and no others', async () => {
    const world = new World()
    const broker = await world.with(['orders', 'orders.eu'])
    const one = await consume(broker, { topic: 'orders.*', group: 'one' }, { act: ack })
    const many = await consume(broker, { topic: '**', group: 'many' }, { act: ack })
    await broker.topology({ topics: [plain('orders.us'), plain('orders.us.ca')], groups: [] }, 'declare')
    for (const to of ['orders', 'orders.eu', 'orders.us', 'orders.us.ca'])
      await broker.publish([message('x', to)])
    await world.settle()
    expect(one.got.map(d => d.topic)).toEqual(['orders.eu', 'orders.us'])
    expect(many.got.map(d => d.topic)).toEqual(['orders', 'orders.eu', 'orders.us', 'orders.us.ca'])
  })

  it('every broadcast subscriber gets every event while it is there', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    await broker.publish([message('before')])
    const one = await listen(broker)
    const two = await listen(broker, '*')
    await broker.publish([message('a')])
    await world.settle()
    await one.subscription.close(never)
    await broker.publish([message('b')])
    await world.settle()
    expect(one.texts).toEqual(['a'])
    expect(two.texts).toEqual(['a', 'b'])
  })

  it('a subscription to an undeclared topic is refused, to a pattern is not', async () => {
    const { broker } = await new World().connect()
    await expect(consume(broker)).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
    await expect(consume(broker, { topic: 'orders.**' })).resolves.toBeDefined()
  })
})

describe('prefixes', () => {
  it('share nothing: neither topics, groups, replies nor dead letters', async () => {
    const world = new World()
    const eu = await world.with(['orders'], 'a', 'eu')
    const us = await world.with(['orders'], 'b', 'us')
    const inEu = await consume(eu)
    const inUs = await consume(us)
    await eu.publish([message('eu')])
    const inbox = await eu.replies?.(() => {})
    await world.settle()
    expect(inEu.texts).toEqual(['eu'])
    expect(inUs.texts).toEqual([])
    expect(us.acceptsReplyTo?.(inbox?.address ?? '')).toBe(false)
    expect(eu.acceptsReplyTo?.(inbox?.address ?? '')).toBe(true)
  })

  it('meet only in a topic that both give the same address', async () => {
    const world = new World()
    const legacy = { ...plain('orders'), address: 'legacy.orders' }
    const eu = await world.with([legacy], 'a', 'eu')
    const us = await world.with([{ ...legacy, topic: 'sales' }], 'b', 'us')
    const consumer = await consume(us, { topic: 'sales' })
    await eu.publish([message('x')])
    await world.settle()
    expect(consumer.got.map(d => d.topic)).toEqual(['sales'])
  })
})
