import { META } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { consume, listen, message, messages, text, World } from '../harness.ts'

const billing = { topic: 'orders', group: 'billing' }
const dead = { [META.reason]: 'rejected', [META.topic]: 'orders' }

async function withDead(count: number) {
  const world = new World()
  const broker = await world.with(['orders'])
  const consumer = await consume(broker)
  await broker.publish(messages(count, 'orders', { key: 'k' }))
  await world.settle()
  for (const delivery of consumer.got) consumer.dead(delivery, dead)
  await world.settle()
  return { world, broker, consumer }
}

describe('dead letters', () => {
  it('keeps the event, its key and the failure, and counts it', async () => {
    const { broker, consumer } = await withDead(1)
    const session = await broker.deadLetters.open(billing)
    const [item] = await session.next(10)
    expect(item).toMatchObject({ topic: 'orders', key: 'k', meta: dead })
    expect(item?.envelope?.attributes).toEqual(consumer.last().envelope?.attributes)
    expect(new TextDecoder().decode(item?.envelope?.body ?? undefined)).toBe('0')
    expect(await broker.stats(billing)).toMatchObject({ dead: 1, inFlight: 0, lag: 0 })
  })

  it('walks oldest first over what was there when the session was opened', async () => {
    const { world, broker, consumer } = await withDead(3)
    const session = await broker.deadLetters.open(billing)
    const bodies = async (n: number) =>
      (await session.next(n)).map(i => new TextDecoder().decode(i.envelope?.body ?? undefined))
    expect(await bodies(2)).toEqual(['0', '1'])
    await broker.publish([message('later')])
    await world.settle()
    consumer.dead(consumer.last(), dead)
    await world.settle()
    expect(await bodies(2)).toEqual(['2'])
    expect(await bodies(2)).toEqual([])
  })

  it('removes single ones once, and purges the rest', async () => {
    const { broker } = await withDead(3)
    await using session = await broker.deadLetters.open(billing)
    const [first] = await session.next(1)
    if (first === undefined) throw new Error('no dead letter')
    expect(await session.remove([first])).toEqual([{ status: 'done' }])
    expect(await session.remove([first])).toEqual([{ status: 'lost', copied: false }])
    expect(await broker.deadLetters.purge(billing)).toBe(2)
    expect(await broker.stats(billing)).toMatchObject({ dead: 0 })
  })

  it('redrives into the inbox of that group alone', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const one = await consume(broker, { group: 'one' })
    const two = await consume(broker, { group: 'two' })
    const to = { kind: 'inbox', topic: 'orders', group: 'one', partition: 0 } as const
    expect(await broker.publish([message('again', to, { dedupeId: 'r1' })])).toEqual([
      { status: 'confirmed' },
    ])
    expect(await broker.publish([message('again', to, { dedupeId: 'r1' })])).toMatchObject([
      { duplicate: true },
    ])
    await world.settle()
    expect(one.texts).toEqual(['again'])
    expect(two.texts).toEqual([])
  })

  it('files those of a wildcard group under its pattern, with the topic each came from, and redrives them there', async () => {
    const world = new World()
    const broker = await world.with(['orders.eu', 'orders.us'])
    const consumer = await consume(broker, { topic: 'orders.*', group: 'audit' })
    await broker.publish([message('a', 'orders.us')])
    await world.settle()
    consumer.dead(consumer.last(), { [META.topic]: 'orders.us' })
    await world.settle()
    const session = await broker.deadLetters.open({ topic: 'orders.*', group: 'audit' })
    const [item] = await session.next(1)
    expect(item?.topic).toBe('orders.us')
    const to = { kind: 'inbox', topic: 'orders.*', group: 'audit', partition: 0 } as const
    const back = message('a', to)
    await broker.publish([{ ...back, envelope: { ...back.envelope, meta: item?.meta ?? {} } }])
    await world.settle()
    expect(consumer.last().topic).toBe('orders.us')
    expect(consumer.got).toHaveLength(2)
  })

  it('keeps the original when the dead letter cannot be written', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    await broker.publish([message('a')])
    await world.settle()
    world.faults.failDeadLetterWrites(1)
    consumer.dead(consumer.last(), dead)
    await world.settle()
    expect(consumer.results.at(-1)?.result).toMatchObject({ status: 'failed', retryable: true, copy: 'none' })
    expect(await broker.stats(billing)).toMatchObject({ inFlight: 1, dead: 0 })
    consumer.dead(consumer.last(), dead)
    await world.settle()
    expect(await broker.stats(billing)).toMatchObject({ inFlight: 0, dead: 1 })
    expect(text(consumer.last())).toBe('a')
  })

  it('refuses them on a broadcast subscription, which has nowhere to put them', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await listen(broker)
    await broker.publish([message('a')])
    await world.settle()
    consumer.dead(consumer.last())
    await world.settle()
    expect(consumer.results.at(-1)?.result).toMatchObject({
      status: 'failed',
      retryable: false,
      copy: 'none',
    })
    expect(consumer.held.size).toBe(1)
  })

  it('says so when the group does not exist', async () => {
    const broker = await new World().with(['orders'])
    await expect(broker.deadLetters.open(billing)).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
    await expect(broker.deadLetters.purge(billing)).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
    await expect(broker.stats(billing)).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
  })
})
