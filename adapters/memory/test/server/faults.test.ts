import { describe, expect, it } from 'vitest'
import { ack, consume, listen, message, messages, must, never, World } from '../harness.ts'

describe('a cut connection', () => {
  it('makes publishes on their way unknown, refuses later ones, and comes back by itself', async () => {
    const world = new World()
    const { broker, states } = await world.connect()
    await broker.topology(
      { topics: [{ topic: 'orders', ordered: false, partitions: 1 }], groups: [] },
      'declare',
    )
    const onItsWay = broker.publish([message('a'), message('b')])
    world.faults.cut()
    expect(await onItsWay).toMatchObject([{ status: 'unknown' }, { status: 'unknown' }])
    expect(await broker.publish([message('c')])).toMatchObject([
      { status: 'failed', error: { code: 'CONNECTION_LOST', retryable: true } },
    ])
    world.faults.heal()
    expect(await broker.publish([message('d')])).toMatchObject([{ status: 'confirmed' }])
    expect(states).toEqual(['live', 'reconnecting', 'live'])
  })

  it('loses deliveries, counts them, and restores subscription and window', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker, {}, { window: 2 })
    await broker.publish(messages(5))
    await world.settle()
    const [first] = consumer.got
    world.faults.cut('client')
    expect(consumer.gone).toHaveLength(2)
    consumer.settle('ack', must(first))
    await world.settle()
    expect(consumer.results.at(-1)?.result).toEqual({ status: 'lost', copied: false })
    consumer.subscription.window(3)
    world.faults.heal('client')
    await world.settle()
    expect(consumer.states).toEqual(['live', 'reconnecting', 'live'])
    expect(consumer.texts.slice(2)).toEqual(['0', '1', '2'])
    expect(consumer.got.slice(2).map(d => d.redeliveries)).toEqual([1, 1, 0])
    expect(consumer.most).toBe(3)
  })

  it('hands over to the members that are left', async () => {
    const world = new World()
    const one = await world.with(['orders'], 'one')
    const two = await world.with(['orders'], 'two')
    const first = await consume(one)
    await one.publish([message('a')])
    await world.settle()
    const second = await consume(two)
    world.faults.cut('one')
    await world.settle()
    expect(first.gone).toHaveLength(1)
    expect(second.texts).toEqual(['a'])
  })

  it('keeps a broadcast subscription and what came meanwhile', async () => {
    const world = new World()
    const one = await world.with(['orders'], 'one')
    const two = await world.with(['orders'], 'two')
    const consumer = await listen(one, 'orders', { act: ack })
    world.faults.cut('one')
    await two.publish([message('a')])
    world.faults.heal('one')
    await world.settle()
    expect(consumer.texts).toEqual(['a'])
  })

  it('lets calls wait for the connection, for a limited time', async () => {
    const world = new World({ operationTimeout: 5_000 })
    const broker = await world.with(['orders'])
    world.faults.cut()
    const late = consume(broker)
    const refused = expect(late).rejects.toMatchObject({ code: 'CONNECTION_LOST', retryable: true })
    await world.clock.advance(5_000)
    await refused
    const intime = consume(broker)
    await world.clock.advance(4_000)
    world.faults.heal()
    await expect(intime).resolves.toBeDefined()
    expect(world.clock.pending).toBe(0)
  })

  it('refuses new connections, and lets old ones close', async () => {
    const world = new World()
    const { broker, states } = await world.connect()
    await broker.topology(
      { topics: [{ topic: 'orders', ordered: false, partitions: 1 }], groups: [] },
      'declare',
    )
    const consumer = await consume(broker)
    world.faults.cut()
    await expect(world.connect('other')).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
    await consumer.subscription.flush(never)
    await consumer.subscription.close(never)
    await broker.close(never)
    expect(states.at(-1)).toBe('closed')
    world.faults.heal()
    await world.settle()
    expect(states.at(-1)).toBe('closed')
    expect(world.clock.pending).toBe(0)
  })
})

describe('a crashed client', () => {
  it('hears nothing more, and its events go to others', async () => {
    const world = new World()
    const one = await world.connect('one')
    await one.broker.topology(
      { topics: [{ topic: 'orders', ordered: false, partitions: 1 }], groups: [] },
      'declare',
    )
    const two = await world.with(['orders'], 'two')
    const first = await consume(one.broker)
    await one.broker.publish([message('a')])
    await world.settle()
    const second = await consume(two)
    let settled = false
    void one.broker.publish([message('b')]).then(() => {
      settled = true
    })
    world.faults.crash('one')
    await world.clock.advance(60_000)
    expect(settled).toBe(false)
    expect(first.gone).toEqual([])
    expect(one.states).toEqual(['live'])
    expect(second.got.map(d => d.redeliveries)).toContain(1)
    expect(world.broker.inspect().clients).toEqual(['two'])
  })
})

describe('a broker that restarts', () => {
  it('keeps topics, groups, delayed retries and dead letters', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    await broker.publish(messages(3))
    await world.settle()
    const [a, b] = consumer.got
    consumer.retry(must(a), world.clock.now() + 5_000)
    consumer.dead(must(b))
    await world.settle()
    world.faults.restart(1_000)
    await world.clock.advance(1_000)
    expect(await broker.stats({ topic: 'orders', group: 'billing' })).toMatchObject({
      delayed: 1,
      inFlight: 1,
      dead: 1,
    })
    await world.clock.advance(4_000)
    expect(consumer.texts).toEqual(['0', '1', '2', '2', '0'])
  })
})

describe('injected failures', () => {
  it('stores a publish whose confirmation is lost, and knows its second copy', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    world.faults.failNextConfirm()
    const outgoing = message('a', 'orders', { dedupeId: 'x' })
    expect(await broker.publish([outgoing])).toMatchObject([{ status: 'unknown' }])
    expect(await broker.publish([outgoing])).toMatchObject([{ status: 'confirmed', duplicate: true }])
    await world.settle()
    expect(consumer.got).toHaveLength(1)
  })

  it.each(['refused', 'unanswered'] as const)(
    'a settlement that is %s succeeds when it is tried again, once',
    async mode => {
      const world = new World()
      const broker = await world.with(['orders'])
      const consumer = await consume(broker)
      await broker.publish([message('a')])
      await world.settle()
      world.faults.failNextSettle(1, mode)
      const [delivery] = consumer.got
      consumer.dead(must(delivery))
      await world.settle()
      expect(consumer.results.at(-1)?.result).toMatchObject({
        status: 'failed',
        retryable: true,
        copy: mode === 'refused' ? 'none' : 'maybe',
      })
      consumer.dead(must(delivery))
      await world.settle()
      expect(consumer.results.at(-1)?.result).toEqual({ status: 'done' })
      expect(await broker.stats({ topic: 'orders', group: 'billing' })).toMatchObject({
        dead: 1,
        inFlight: 0,
      })
    },
  )

  it('hangs publishes until resumed, in order, and gives up on them in time', async () => {
    const world = new World({ operationTimeout: 5_000 })
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    world.faults.hangPublishes()
    const lost = broker.publish([message('a')])
    await world.clock.advance(5_000)
    expect(await lost).toMatchObject([{ status: 'unknown', cause: { code: 'CONNECTION_LOST' } }])
    const kept = [broker.publish([message('b')]), broker.publish([message('c')])]
    await world.settle()
    expect(consumer.got).toEqual([])
    world.faults.resume()
    await Promise.all(kept)
    await world.settle()
    expect(consumer.texts).toEqual(['b', 'c'])
  })

  it('slows every call down, and keeps their order', async () => {
    const world = new World()
    const broker = await world.with(['orders'])
    const consumer = await consume(broker)
    world.faults.slow(1_000)
    const first = broker.publish([message('a')])
    world.faults.slow(0)
    const second = broker.publish([message('b')])
    await world.clock.advance(999)
    expect(consumer.got).toEqual([])
    await world.clock.advance(1)
    await Promise.all([first, second])
    await world.settle()
    expect(consumer.texts).toEqual(['a', 'b'])
  })

  it('survives a sink that throws, and reports it', async () => {
    const world = new World()
    const { broker, errors } = await world.connect()
    await broker.topology(
      { topics: [{ topic: 'orders', ordered: false, partitions: 1 }], groups: [] },
      'declare',
    )
    const other = await consume(broker, { group: 'other' })
    await consume(
      broker,
      {},
      {
        act: () => {
          throw new Error('bug')
        },
      },
    )
    await broker.publish([message('a')])
    await world.settle()
    expect(other.texts).toEqual(['a'])
    expect(errors).toMatchObject([{ message: 'bug' }])
  })
})

/** Lets time pass until a promise is settled. */
async function passing<T>(world: World, promise: Promise<T>): Promise<T> {
  let done = false
  const settled = promise.finally(() => {
    done = true
  })
  await world.clock.advanceUntil(() => done)
  return settled
}

/** Publishes and consumes under a plan of faults, as core would: retries of what is unknown or failed. */
async function storm(seed: number) {
  const chance = 0.05
  const world = new World({
    faults: {
      seed,
      dropConnection: chance,
      outage: 50,
      failConfirm: chance,
      refusePublish: chance,
      failSettle: chance,
      crashConsumer: chance,
      delay: { probability: 0.2, max: 20 },
    },
  })
  const log: string[] = []
  const broker = await passing(world, world.with(['orders']))
  const consumer = await passing(world, consume(broker, {}, { window: 10, act: ack }))
  let sent = 0
  const publishing = (async () => {
    for (; sent < 300; sent++) {
      const outgoing = message(String(sent), 'orders', { dedupeId: String(sent) })
      for (let confirmed = false; !confirmed; ) {
        const [result] = await broker.publish([outgoing])
        log.push(result?.status ?? '')
        confirmed = result?.status === 'confirmed'
        if (!confirmed) await new Promise<void>(resolve => world.clock.setTimer(10, resolve))
      }
    }
  })()
  await world.clock.advanceUntil(() => {
    consumer.settle('ack', ...consumer.held)
    return sent === 300
  })
  await publishing
  await world.clock.advance(60_000)
  return { world, broker, consumer, log }
}

describe('a plan of faults', () => {
  it('loses nothing, and is the same for the same seed', async () => {
    const first = await storm(1)
    const handled = new Set(first.consumer.texts)
    expect(handled.size).toBe(300)
    expect(new Set(first.log)).toEqual(new Set(['confirmed', 'failed', 'unknown']))
    expect(first.consumer.states).toContain('reconnecting')
    const again = await storm(1)
    expect(again.log).toEqual(first.log)
    expect(again.consumer.texts).toEqual(first.consumer.texts)
    const other = await storm(2)
    expect(other.log).not.toEqual(first.log)
  })
})
