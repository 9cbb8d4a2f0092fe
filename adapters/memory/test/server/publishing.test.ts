import { describe, expect, it } from 'vitest'
import { ack, consume, message, messages, World } from '../harness.ts'

describe('publishing', () => {
  it('refuses a topic that nobody declared', async () => {
    const { broker } = await new World().connect()
    const [result] = await broker.publish([message('a')])
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TOPOLOGY_MISSING', retryable: false } })
  })

  it('confirms in a later microtask, never at once', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const pending = broker.publish([message('a')])
    expect(world.broker.inspect().messages).toBe(0)
    await pending
    expect(world.broker.inspect().messages).toBe(1)
  })

  it('recognises a second copy within the dedupe window, per prefix', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const other = await world.with(['orders'], 'other', 'eu')
    const copy = { dedupeId: 'x' }
    expect(await broker.publish([message('a', 'orders', copy)])).toEqual([
      { status: 'confirmed', position: '1' },
    ])
    await world.clock.advance(119_999)
    expect(await broker.publish([message('a', 'orders', copy)])).toEqual([
      { status: 'confirmed', position: '1', duplicate: true },
    ])
    expect(await other.publish([message('a', 'orders', copy)])).toEqual([
      { status: 'confirmed', position: '2' },
    ])
    await world.clock.advance(240_000)
    expect(await broker.publish([message('a', 'orders', copy)])).toEqual([
      { status: 'confirmed', position: '3' },
    ])
  })

  it('remembers a bounded number of ids, the latest of them', async () => {
    const world = new World({ dedupeCount: 10 })
    const broker = await world.with(['orders'])
    const publish = async (id: number) =>
      (await broker.publish([message('a', 'orders', { dedupeId: `${id}` })]))[0]
    for (let id = 0; id < 30; id++) await publish(id)
    expect(await publish(29)).toMatchObject({ duplicate: true })
    expect(await publish(0)).not.toHaveProperty('duplicate')
  })

  it('does not remember a publish that was refused', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    world.faults.refuseNextPublish()
    const copy = message('a', 'orders', { dedupeId: 'x' })
    expect(await broker.publish([copy])).toMatchObject([
      { status: 'failed', error: { code: 'BROKER_REJECTED' } },
    ])
    expect(await broker.publish([copy])).toEqual([{ status: 'confirmed', position: '1' }])
  })

  it('says that deduplication is off when it is', async () => {
    const world = new World({ dedupeWindow: 0 })
    const broker = await world.with(['orders'])
    expect(broker.capabilities.of['publish.dedupe'].support).toBe('unsupported')
    const copy = message('a', 'orders', { dedupeId: 'x' })
    await broker.publish([copy, copy])
    expect(world.broker.inspect().messages).toBe(2)
  })

  it('refuses what no group receives, if it must be routed', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const must = { mustRoute: true }
    expect(await broker.publish([message('a', 'orders', must)])).toMatchObject([
      { status: 'failed', error: { code: 'UNROUTABLE' } },
    ])
    await consume(broker)
    expect(await broker.publish([message('a', 'orders', must)])).toMatchObject([{ status: 'confirmed' }])
  })

  it('delivers a delayed event not before its time, over a disconnect of everybody', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    const notBefore = world.clock.now() + 10_000
    expect(await broker.publish([message('late', 'orders', { notBefore }), message('now')])).toEqual([
      { status: 'confirmed' },
      { status: 'confirmed', position: '1' },
    ])
    await world.settle()
    expect(consumer.texts).toEqual(['now'])
    expect(await broker.stats({ topic: 'orders', group: 'billing' })).toMatchObject({
      delayed: 1,
      lag: 2,
      inFlight: 1,
    })
    world.faults.restart(15_000)
    await world.clock.advance(9_999)
    expect(consumer.got).toHaveLength(1)
    await world.clock.advance(5_001)
    expect(consumer.texts).toEqual(['now', 'now', 'late'])
    expect(consumer.last().notBefore).toBe(notBefore)
  })

  it('takes a message at the size limit and refuses one byte more, and goes on', async () => {
    const world = new World({ messageBytes: 1_000 })
    const broker = await world.with(['orders'])
    const of = (length: number) => {
      const { envelope, ...rest } = message('', 'orders', { key: 'ключ' })
      const body = new Uint8Array(length)
      return {
        ...rest,
        envelope: { ...envelope, body, attributes: { ...envelope.attributes, subject: 'Żółć €' } },
      }
    }
    const fits = of(1_000 - broker.sizeOf(of(0)))
    const over = of(1_001 - broker.sizeOf(of(0)))
    expect(broker.sizeOf(fits)).toBe(1_000)
    expect(await broker.publish([over, fits])).toMatchObject([
      { status: 'failed', error: { code: 'PAYLOAD_TOO_LARGE', retryable: false } },
      { status: 'confirmed' },
    ])
  })

  it('counts bytes as UTF-8, of everything that travels', async () => {
    const { broker } = await new World().connect()
    const outgoing = message('12345', 'orders', { key: 'é' })
    const base = broker.sizeOf(message('12345'))
    expect(broker.sizeOf(outgoing)).toBe(base + 2)
    const { envelope } = outgoing
    const headers = [
      ['x', 'é'],
      ['x', new Uint8Array(3)],
    ] as const
    expect(broker.sizeOf({ ...outgoing, envelope: { ...envelope, headers } })).toBe(base + 2 + 3 + 4)
    expect(broker.sizeOf({ ...outgoing, envelope: { ...envelope, meta: { a: '€' } } })).toBe(base + 2 + 4)
  })
})

describe('bounded memory', () => {
  it('evicts what is only kept for replay, oldest first, before it refuses anything', async () => {
    const world = new World({ maxMessages: 10 })
    const broker = await world.with(['orders'])
    for (let i = 0; i < 5; i++) {
      expect((await broker.publish(messages(10))).every(r => r.status === 'confirmed')).toBe(true)
    }
    expect(world.broker.inspect().messages).toBe(10)
    const consumer = await consume(broker, { start: 'earliest' })
    await world.settle()
    expect(consumer.got[0]?.position).toBe('41')
  })

  it('refuses a publish, retryable, rather than drop what a group still needs', async () => {
    const world = new World({ maxMessages: 10 })
    const broker = await world.with(['orders'])
    const consumer = await consume(broker, {}, { window: 3 })
    const results = await broker.publish(messages(12))
    expect(results.filter(r => r.status === 'confirmed')).toHaveLength(10)
    expect(results[10]).toMatchObject({ status: 'failed', error: { code: 'BROKER_FULL', retryable: true } })
    await world.settle()
    consumer.settle('ack', ...consumer.got)
    await world.settle()
    const again = await broker.publish(messages(4))
    expect(again.map(r => r.status)).toEqual(['confirmed', 'confirmed', 'confirmed', 'failed'])
  })

  it('bounds bytes, those of dead letters included, and gets all of them back', async () => {
    const world = new World({ maxBytes: 20_000, retention: { count: 0 } })
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    const results = await broker.publish(messages(100))
    const stored = results.filter(r => r.status === 'confirmed').length
    expect(stored).toBeGreaterThan(20)
    expect(stored).toBeLessThan(100)
    expect(world.broker.inspect().bytes).toBeLessThanOrEqual(20_000)
    await world.settle()
    for (const delivery of consumer.got) consumer.dead(delivery, { a: 'b'.repeat(100) })
    await world.settle()
    expect(await broker.publish([message('a')])).toMatchObject([{ status: 'failed' }])
    await broker.deadLetters.purge({ topic: 'orders', group: 'billing' })
    expect(world.broker.inspect()).toMatchObject({ bytes: 0, messages: 0 })
  })

  it('holds no more than the retention over a long run', async () => {
    const world = new World({ retention: { count: 100 } })
    const broker = await world.with(['orders'])
    const consumer = await consume(broker, {}, { act: ack })
    for (let i = 0; i < 100; i++) await broker.publish(messages(50))
    await world.settle()
    expect(consumer.got).toHaveLength(5_000)
    expect(world.broker.inspect()).toMatchObject({ messages: 100, topics: [{ retained: 100 }] })
  })
})
