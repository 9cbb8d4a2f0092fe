import { createBus, event, type HandleMiddleware, isBusError, Reject, request, topic } from '@busbar/core'
import { memory } from '@busbar/memory'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { createTestBus } from '../src/index.ts'

const OrderPlaced = event('com.example.order.placed', {
  topic: topic('orders', { ordered: true }),
  data: z.object({ id: z.string(), at: z.string().transform(text => new Date(text)) }),
  key: order => order.id,
})
const Cancelled = event('com.example.order.cancelled', {
  topic: OrderPlaced.topic,
  data: z.object({ id: z.string() }),
  key: order => order.id,
})
const Echo = request('com.example.echo', { topic: 'echo', input: z.string(), output: z.string() })
const Ping = event('com.example.ping', { topic: 'pings', data: z.int() })

const AT = '2026-05-01T00:00:00.000Z'
const fixed = { attempts: 3, backoff: { kind: 'fixed', delay: 60_000 } } as const

describe('records', () => {
  it('have published and handled data, with their types', async () => {
    await using test = await createTestBus()
    await test.bus.subscribe([OrderPlaced, Cancelled], { group: 'billing' }, () => {})
    await test.bus.publish(OrderPlaced, { id: '1', at: AT })
    await test.bus.publish(Cancelled, { id: '1' })
    await test.quiescent()
    expect(test.published(OrderPlaced)).toEqual([{ id: '1', at: AT }])
    expect(test.handled(OrderPlaced)).toEqual([{ id: '1', at: new Date(AT) }])
    expect(test.handled(OrderPlaced, { group: 'other' })).toEqual([])
    expect(test.handled().map(({ event: { type }, group, attempt }) => [type, group, attempt])).toEqual([
      [OrderPlaced.type, 'billing', 1],
      [Cancelled.type, 'billing', 1],
    ])
    expect(test.published()).toHaveLength(2)
    expectTypeOf(test.published(OrderPlaced)).toEqualTypeOf<readonly { id: string; at: string }[]>()
    expectTypeOf(test.handled(OrderPlaced)).toEqualTypeOf<readonly { id: string; at: Date }[]>()
  })

  it('leave out publishes that were refused', async () => {
    await using test = await createTestBus()
    await expect(test.bus.publish(Ping, 1.5)).rejects.toThrow()
    expect(test.published()).toEqual([])
  })

  it('show each retry with its delay and error, and the dead letter in the end', async () => {
    await using test = await createTestBus()
    await test.bus.subscribe(Ping, { group: 'g', retry: fixed }, () => {
      throw new TypeError('no')
    })
    await test.bus.publish(Ping, 7)
    await test.quiescent()
    expect(test.retried(Ping)).toMatchObject([
      { attempt: 1, delay: 60_000, group: 'g', error: { class: 'TypeError', message: 'no' } },
    ])
    await test.advance(59_999)
    expect(test.retried(Ping)).toHaveLength(1)
    await test.advance(1)
    expect(test.retried(Ping)).toHaveLength(2)
    expect(test.deadLettered()).toEqual([])
    await test.advance(60_000)
    expect(test.deadLettered(Ping, { group: 'g' })).toMatchObject([
      { reason: 'attempts-exhausted', attempts: 3, error: { message: 'no' }, event: { data: 7 } },
    ])
    expect(test.handled(Ping)).toEqual([])
  })

  it('cover batches, streams and schema violations where they fail', async () => {
    await using test = await createTestBus()
    await test.bus.subscribeBatch(Ping, { group: 'batch', batch: { max: 10 } }, deliveries =>
      deliveries.map(({ data }) => (data === 1 ? new Reject('one') : 'ack')),
    )
    await test.bus.publish(Ping, 1)
    await test.bus.publish('pings', { id: 'x', source: '/x', type: Ping.type, data: 'text' })
    await test.quiescent()
    expect(test.deadLettered(Ping).map(({ reason }) => reason)).toEqual(['rejected', 'schema-violation'])
    await test.bus.publish(Ping, 2)
    await test.quiescent()
    expect(test.handled(Ping)).toEqual([2])
  })

  it('cover streams, where the first settlement counts', async () => {
    await using test = await createTestBus()
    const retry = { attempts: 2, backoff: { kind: 'immediate' } } as const
    const stream = test.bus.stream(Ping, { group: 'stream', retry })
    await stream.ready()
    for (const n of [1, 2, 3]) await test.bus.publish(Ping, n)
    let left = 3
    for await (const delivery of stream) {
      if (delivery.data === 1) await delivery.deadLetter('not this one')
      await delivery.ack()
      if (--left === 0) break
    }
    expect(test.handled(Ping)).toEqual([2, 3])
    expect(test.deadLettered(Ping)).toMatchObject([{ reason: 'rejected', event: { data: 1 } }])
    const batches = test.bus.stream(Ping, { group: 'batches', batch: { max: 10 } })
    await batches.ready()
    await test.bus.publish(Ping, 4)
    for await (const batch of batches) {
      for (const delivery of batch) await delivery.ack()
      break
    }
    expect(test.handled(Ping, { group: 'batches' })).toEqual([4])
  })

  it('show what a broadcast subscription dropped', async () => {
    await using test = await createTestBus()
    await test.bus.subscribe(Ping, { retry: { attempts: 2 } }, () => {
      throw new Error('no')
    })
    await test.bus.publish(Ping, 1)
    await test.advanceUntilIdle()
    expect(test.dropped(Ping)).toMatchObject([{ topic: 'pings', type: Ping.type, attempt: 2 }])
    expect(test.deadLettered()).toEqual([])
  })

  it('can be forgotten', async () => {
    await using test = await createTestBus()
    await test.bus.publish(Ping, 1)
    test.forget()
    await test.bus.publish(Ping, 2)
    expect(test.published(Ping)).toEqual([2])
  })

  it('leave middleware and instrumentation of the user at work', async () => {
    const seen: string[] = []
    const handle: HandleMiddleware = async (delivery, next) => {
      seen.push(`handle ${delivery.data}`)
      return next()
    }
    await using test = await createTestBus({
      middleware: { handle: [handle] },
      instrumentation: { settled: ({ as }) => seen.push(as) },
    })
    await test.bus.subscribe(Ping, { group: 'g' }, () => {})
    await test.bus.publish(Ping, 1)
    await test.quiescent()
    expect(seen).toEqual(['handle 1', 'ack'])
    expect(test.handled(Ping)).toEqual([1])
  })
})

describe('time', () => {
  it('runs until nothing is left, through backoff and delayed publishes', async () => {
    await using test = await createTestBus({ startAt: new Date(AT) })
    let failures = 4
    await test.bus.subscribe(Ping, { group: 'g' }, () => {
      if (failures-- > 0) throw new Error('not yet')
    })
    await test.bus.publish(Ping, 1, { delay: 3_600_000 })
    expect(test.handled()).toEqual([])
    await test.advanceUntilIdle()
    expect(test.handled(Ping)).toEqual([1])
    expect(test.retried()).toHaveLength(4)
    expect(test.clock.now()).toBeGreaterThanOrEqual(Date.parse(AT) + 3_600_000)
  })

  it('says what is left when time cannot help', async () => {
    await using test = await createTestBus()
    const subscription = await test.bus.subscribe(Ping, { group: 'g' }, () => {})
    subscription.pause()
    await test.bus.publish(Ping, 1)
    const error = await test.advanceUntilIdle(1_000).catch(caught => caught)
    expect(isBusError(error, 'DRAIN_TIMEOUT')).toBe(true)
    expect(error.message).toContain('1 ready in "pings" of group "g"')
    subscription.resume()
    await test.advanceUntilIdle()
    expect(test.handled(Ping)).toEqual([1])
  })

  it('gives up on a retry without end at its limit', async () => {
    await using test = await createTestBus()
    const retry = { attempts: 1_000_000, backoff: { kind: 'fixed', delay: 1_000 } } as const
    await test.bus.subscribe(Ping, { group: 'g', retry }, () => {
      throw new Error('never')
    })
    await test.bus.publish(Ping, 1)
    await expect(test.advanceUntilIdle(5_500)).rejects.toThrow(
      '1 waiting for a retry in "pings" of group "g"',
    )
    expect(test.retried()).toHaveLength(6)
  })

  it('does not wait for groups that nobody serves', async () => {
    await using test = await createTestBus()
    const subscription = await test.bus.subscribe(Ping, { group: 'g' }, () => {})
    await subscription.close()
    await test.bus.publish(Ping, 1)
    await test.advanceUntilIdle()
    expect((await test.bus.queueStats(Ping, 'g')).ready).toBe(1)
  })
})

describe('the test bus', () => {
  it('repeats ids and delays from a seed', async () => {
    const run = async (seed: number) => {
      await using test = await createTestBus({ seed })
      await test.bus.subscribe(Ping, { group: 'g' }, () => {
        throw new Error('no')
      })
      await test.bus.publish(Ping, 1)
      await test.advanceUntilIdle()
      return test.retried().map(({ event: { id }, delay }) => [id, delay])
    }
    const first = await run(5)
    expect(first).toHaveLength(4)
    expect(await run(5)).toEqual(first)
    expect(await run(6)).not.toEqual(first)
  })

  it('connects further buses to the same broker, and faults reach one of them', async () => {
    await using test = await createTestBus()
    const other = await test.connect({ clientName: 'other' })
    await test.bus.subscribe(Ping, { group: 'a' }, () => {})
    await other.subscribe(Ping, { group: 'b' }, () => {})
    test.faults.cut('other')
    await test.bus.publish(Ping, 1)
    await test.quiescent()
    expect(test.handled(Ping, { group: 'a' })).toEqual([1])
    expect(test.handled(Ping, { group: 'b' })).toEqual([])
    test.faults.heal('other')
    await test.advanceUntilIdle()
    expect(test.handled(Ping, { group: 'b' })).toEqual([1])
  })

  it('answers requests, and lets them time out', async () => {
    await using test = await createTestBus()
    const responder = await test.bus.respond(Echo, { group: 'g' }, ({ input }) => input)
    expect(await test.bus.request(Echo, 'hi')).toBe('hi')
    await responder.close()
    await test.bus.respond(Echo, { group: 'silent' }, () => new Promise<string>(() => {}))
    const unanswered = test.bus.request(Echo, 'hi').catch(error => error.code)
    await test.advance(10_000)
    expect(await unanswered).toBe('REQUEST_TIMEOUT')
  })

  it('plans faults from its options', async () => {
    await using test = await createTestBus({ broker: { faults: { failConfirm: 1 } } })
    const lost = test.bus.publish(Ping, 1, { timeout: 1_000 }).catch(error => error.code)
    await test.advance(1_000)
    expect(await lost).toBe('PUBLISH_UNKNOWN')
    expect(test.published()).toEqual([])
  })

  it('collects background errors', async () => {
    await using test = await createTestBus({
      instrumentation: {
        settled() {
          throw new Error('broken hook')
        },
      },
    })
    await test.bus.subscribe(Ping, { group: 'g' }, () => {})
    await test.bus.publish(Ping, 1)
    await test.quiescent()
    expect(test.errors.map(({ code }) => code)).toEqual(['INTERNAL'])
  })

  it('leaves nothing behind when it is closed', async () => {
    const test = await createTestBus()
    const other = await test.connect()
    await test.bus.subscribe(Ping, { group: 'g' }, () => new Promise(() => {}))
    await test.bus.publish(Ping, 1)
    await test.quiescent()
    await test.close()
    await test.close()
    expect(test.clock.pending).toBe(0)
    expect(other.health.status).toBe('closed')
    expect(test.broker.inspect().clients).toEqual([])
  })

  it.each([
    [{ seed: -1 }, 'seed'],
    [{ startAt: new Date('never') }, 'startAt'],
    [{ clock: {} }, 'clock'],
    [{ random: {} }, 'random'],
    [{ broker: { clock: {} } }, 'broker.clock'],
    [{ broker: { maxBytes: 0 } }, 'maxBytes'],
    [{ sauce: '/x' }, 'sauce'],
  ])('refuses %j', async (options, field) => {
    const error = await createTestBus(options as object).catch(caught => caught)
    expect(isBusError(error, 'INVALID_OPTIONS')).toBe(true)
    expect(error.field).toBe(field)
    expect(error.remedy).toBeTruthy()
  })

  it('refuses to move time backwards', async () => {
    await using test = await createTestBus()
    await expect(test.advance(-1)).rejects.toMatchObject({ code: 'INVALID_OPTIONS', field: 'ms' })
  })

  it('carries the same events as any bus on that broker', async () => {
    await using test = await createTestBus()
    await using outside = await createBus(memory({ broker: test.broker }), { clock: test.clock })
    await test.bus.subscribe(Ping, { group: 'g' }, () => {})
    await outside.publish(Ping, 3)
    await test.quiescent()
    expect(test.handled(Ping)).toEqual([3])
    expect(test.published()).toEqual([])
  })
})
