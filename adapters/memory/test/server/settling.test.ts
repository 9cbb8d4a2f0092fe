import { META } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { consume, message, messages, text, World } from '../harness.ts'

async function oneDelivered() {
  const world = new World()
  const broker = await world.with(['orders'])
  const consumer = await consume(broker)
  await broker.publish([message('a')])
  await world.settle()
  return { world, broker, consumer }
}

const stats = { ready: 0, inFlight: 0, delayed: 0, lag: 0, dead: 0, exact: true }
const billing = { topic: 'orders', group: 'billing' }

describe('settling', () => {
  it('confirms a publish with its position and delivers it to every group', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const one = await consume(broker, { group: 'one' })
    const two = await consume(broker, { group: 'two' })
    const [first, second] = await broker.publish([message('a'), message('b')])
    expect(first).toEqual({ status: 'confirmed', position: '1' })
    expect(second).toEqual({ status: 'confirmed', position: '2' })
    await world.settle()
    expect(one.texts).toEqual(['a', 'b'])
    expect(two.texts).toEqual(['a', 'b'])
    expect(one.last().position).toBe('2')
  })

  it('forgets an acked delivery', async () => {
    const { world, broker, consumer } = await oneDelivered()
    expect(await broker.stats(billing)).toEqual({ ...stats, inFlight: 1, lag: 1 })
    consumer.settle('ack', consumer.last())
    await world.settle()
    expect(await broker.stats(billing)).toEqual(stats)
    await world.clock.advance(60_000)
    expect(consumer.got).toHaveLength(1)
  })

  it('refuses a second settlement as lost', async () => {
    const { world, consumer } = await oneDelivered()
    consumer.settle('ack', consumer.last())
    consumer.settle('release', consumer.last())
    await world.settle()
    expect(consumer.results.map(r => r.result)).toEqual([
      { status: 'done' },
      { status: 'lost', copied: false },
    ])
    expect(consumer.got).toHaveLength(1)
  })

  it('retries not before its time, one failure richer, with the new metadata', async () => {
    const { world, broker, consumer } = await oneDelivered()
    const due = world.clock.now() + 5_000
    consumer.retry(consumer.last(), due, { [META.errorCode]: 'E_CARD' })
    await world.settle()
    expect(await broker.stats(billing)).toEqual({ ...stats, delayed: 1, lag: 1 })
    await world.clock.advance(4_999)
    expect(consumer.got).toHaveLength(1)
    await world.clock.advance(1)
    expect(consumer.got).toHaveLength(2)
    const again = consumer.last()
    expect(again).toMatchObject({ failures: 1, marks: 0, redeliveries: 0, notBefore: due })
    expect(again.envelope?.meta).toEqual({ [META.errorCode]: 'E_CARD' })
    expect(text(again)).toBe('a')
  })

  it('releases uncounted, before those behind it', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker, {}, { window: 2 })
    await broker.publish(messages(4))
    await world.settle()
    consumer.settle('release', ...[...consumer.got].reverse())
    await world.settle()
    expect(consumer.texts).toEqual(['0', '1', '0', '1'])
    expect(consumer.last()).toMatchObject({ failures: 0, redeliveries: 0 })
  })

  it('takes a lapsed lease back, counts it, tells the holder, and refuses its late ack', async () => {
    const { world, consumer } = await oneDelivered()
    const first = consumer.last()
    await world.clock.advance(29_999)
    expect(consumer.gone).toEqual([])
    await world.clock.advance(1)
    expect(consumer.gone).toEqual([first])
    expect(consumer.last()).not.toBe(first)
    expect(consumer.last()).toMatchObject({ failures: 0, redeliveries: 1 })
    consumer.settle('ack', first)
    await world.settle()
    expect(consumer.results.at(-1)?.result).toEqual({ status: 'lost', copied: false })
    expect(consumer.held.size).toBe(1)
  })

  it('keeps an extended delivery, and names those it cannot extend', async () => {
    const { world, consumer } = await oneDelivered()
    const first = consumer.last()
    await world.clock.advance(20_000)
    expect(await consumer.subscription.extend([first], 30_000)).toEqual([])
    await world.clock.advance(29_999)
    expect(consumer.gone).toEqual([])
    await world.clock.advance(1)
    expect(consumer.gone).toEqual([first])
    expect(await consumer.subscription.extend([first], 30_000)).toEqual([first])
  })

  it('keeps a mark over a crash, takes it back on release, and turns it into a failure on retry', async () => {
    const { world, consumer } = await oneDelivered()
    await consumer.subscription.mark([consumer.last()])
    await world.clock.advance(30_000)
    expect(consumer.last()).toMatchObject({ failures: 0, marks: 1, redeliveries: 1 })
    await consumer.subscription.mark([consumer.last()])
    consumer.settle('release', consumer.last())
    await world.settle()
    expect(consumer.last()).toMatchObject({ failures: 0, marks: 1, redeliveries: 1 })
    await consumer.subscription.mark([consumer.last()])
    consumer.retry(consumer.last(), 0)
    await world.settle()
    expect(consumer.last()).toMatchObject({ failures: 1, marks: 1 })
  })

  it('rejects a mark on a delivery that is no longer ours', async () => {
    const { world, consumer } = await oneDelivered()
    const first = consumer.last()
    await world.clock.advance(30_000)
    await expect(consumer.subscription.mark([first])).rejects.toMatchObject({ code: 'LEASE_LOST' })
  })

  it('hands out a copy of the body, so that neither publisher nor handler can change it for others', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    const published = message('abc')
    await broker.publish([published])
    published.envelope.body?.fill(0)
    await world.settle()
    consumer.last().envelope?.body?.fill(1)
    consumer.retry(consumer.last(), 0)
    await world.settle()
    expect(text(consumer.last())).toBe('abc')
  })

  it('serves due retries and new events by turns, so that a backlog starves neither', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker, {}, { window: 1 })
    await broker.publish(messages(5))
    await world.settle()
    consumer.retry(consumer.last(), 0)
    await world.settle()
    expect(consumer.texts).toEqual(['0', '0'])
    consumer.retry(consumer.last(), 0)
    await world.settle()
    expect(consumer.texts).toEqual(['0', '0', '1'])
  })

  it('drops what has expired at the moment of delivery', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker, {}, { window: 0 })
    const expiresAt = world.clock.now() + 1_000
    await broker.publish([message('stale', 'orders', { expiresAt }), message('fresh')])
    await world.clock.advance(1_000)
    consumer.subscription.window(10)
    await world.settle()
    expect(consumer.texts).toEqual(['fresh'])
    expect(world.broker.inspect().queues[0]).toMatchObject({ expired: 1 })
  })
})
