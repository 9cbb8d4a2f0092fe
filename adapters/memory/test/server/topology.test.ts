import { describe, expect, it } from 'vitest'
import { consume, message, ordered, plain, World } from '../harness.ts'

describe('topology', () => {
  it('touches nothing in mode none, and names what is missing in mode verify', async () => {
    const { broker } = await new World().connect()
    const topology = {
      topics: [plain('orders')],
      groups: [{ kind: 'events', topic: 'orders', group: 'billing' }],
    } as const
    expect(await broker.topology(topology, 'none')).toEqual([])
    expect(await broker.topology(topology, 'verify')).toMatchObject([
      { kind: 'missing', name: 'orders' },
      { kind: 'missing', name: 'orders/billing' },
    ])
    expect(await broker.topology(topology, 'declare')).toEqual([])
    expect(await broker.topology(topology, 'verify')).toEqual([])
  })

  it('names differences and orphans, under the prefix', async () => {
    const world = new World()
    const broker = await world.with([ordered('orders')], 'client', 'eu')
    await consume(broker, { ordering: 'key' })
    const asked = { ...plain('orders'), retention: { count: 5 } }
    const drifts = await broker.topology({ topics: [asked], groups: [] }, 'verify')
    expect(drifts).toMatchObject([
      { kind: 'different', name: 'eu/orders', expected: 'ordered false', actual: 'ordered true' },
      { kind: 'different', expected: 'partitions 1', actual: 'partitions 4' },
      { kind: 'different', expected: 'retention.count 5', actual: 'retention.count 10000' },
      { kind: 'orphan', name: 'eu/orders/billing' },
    ])
  })

  it('refuses an incompatible declaration whole, with every reason', async () => {
    const world = new World()
    const broker = await world.with([ordered('orders')])
    const topology = { topics: [plain('other'), plain('orders')], groups: [] }
    await expect(broker.topology(topology, 'declare')).rejects.toMatchObject({
      code: 'TOPOLOGY_INCOMPATIBLE',
      issues: [{ field: 'topics.orders.ordered' }, { field: 'topics.orders.partitions' }],
    })
    expect(world.broker.inspect().topics.map(t => t.topic)).toEqual(['orders'])
  })

  it('only ever widens a retention', async () => {
    const world = new World()
    const of = (count: number) => ({ ...plain('orders'), retention: { count } })
    const broker = await world.with([of(2), of(4), of(3)])
    for (const body of ['a', 'b', 'c', 'd', 'e']) await broker.publish([message(body)])
    expect(world.broker.inspect().topics).toMatchObject([{ retained: 4 }])
  })

  it('a declared group gets what is published before anybody subscribes', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    await broker.topology(
      { topics: [], groups: [{ kind: 'events', topic: 'orders', group: 'billing' }] },
      'declare',
    )
    await broker.publish([message('a')])
    const consumer = await consume(broker)
    await world.settle()
    expect(consumer.texts).toEqual(['a'])
  })
})
