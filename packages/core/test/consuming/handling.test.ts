import { event, topic } from '@busbar/core'
import { META } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { delivery, memoryWorld, plain, scriptedWorld } from '../support/world.ts'

const Placed = event('com.example.order.placed', {
  topic: 'orders',
  data: z.object({ total: z.coerce.number() }),
  extensions: { priority: 'integer', express: 'boolean' },
})
const Shipped = event('com.example.order.shipped', {
  topic: 'orders',
  data: z.object({ carrier: z.string() }),
})

test('several contracts share one subscription; each handler call has its type, data and typed extensions', async () => {
  const { bus, clock } = await memoryWorld()
  const seen: unknown[] = []
  await bus.subscribe([Placed, Shipped], { group: 'g' }, d => {
    seen.push([d.type, d.data, d.extensions])
  })
  await bus.publish(Placed, { total: '12' }, { attributes: { priority: 3, express: true } })
  await bus.publish(Shipped, { carrier: 'bike' })
  await clock.settle()
  expect(seen).toEqual([
    ['com.example.order.placed', { total: 12 }, { priority: 3, express: true }],
    ['com.example.order.shipped', { carrier: 'bike' }, {}],
  ])
})

test("a handler gets the schema's output, while the event keeps what was published", async () => {
  const { bus, only, clock } = await scriptedWorld()
  const seen: unknown[] = []
  await bus.subscribe(Placed, { group: 'g' }, ({ data, event: whole }) => void seen.push(data, whole.data))
  only.sink.deliver([delivery('a', {}, { type: Placed.type, data: { total: '7' } })])
  await clock.settle()
  expect(seen).toEqual([{ total: 7 }, { total: '7' }])
})

test('data or extensions against the contract go to the dead-letter queue at once, naming the field', async () => {
  const { bus, only, clock } = await scriptedWorld()
  let handled = 0
  await bus.subscribe(Placed, { group: 'g' }, () => void handled++)
  only.sink.deliver([
    delivery('data', {}, { type: Placed.type, data: { total: 'many' } }),
    delivery('extension', {}, { type: Placed.type, data: { total: 1 }, priority: 'high' }),
  ])
  await clock.settle()
  expect(handled).toBe(0)
  for (const settlement of only.settlements) {
    expect(settlement).toMatchObject({
      kind: 'dead',
      meta: { [META.reason]: 'schema-violation', [META.errorCode]: 'SCHEMA_VIOLATION', [META.failures]: '0' },
    })
  }
  expect(only.settlements.map(s => (s.kind === 'dead' ? s.meta[META.errorMessage] : ''))).toEqual([
    expect.stringContaining('data.total'),
    expect.stringContaining('priority'),
  ])
})

test('a validator that fails is retried: it says nothing about the event', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const Broken = event('t', {
    topic: 'orders',
    data: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => Promise.reject(new Error('registry is down')),
      },
    },
  })
  await bus.subscribe(Broken, { group: 'g' }, () => {})
  only.sink.deliver([delivery('a', {}, { type: 't', data: {} })])
  await clock.settle()
  expect(only.settled).toEqual(['retry a'])
})

test.each([
  ['ack', 'ack', { unhandled: 1, handled: 0, deadLettered: 0 }],
  ['dead-letter', 'dead', { unhandled: 0, deadLettered: 1 }],
  ['retry', 'retry', { retried: 1 }],
] as const)('events of a type that nobody handles: %s', async (unhandled, kind, stats) => {
  const { bus, only, clock } = await scriptedWorld()
  const subscription = await bus.subscribe(Placed, { group: 'g', unhandled }, () => {})
  only.sink.deliver([delivery('a', {}, { type: 'com.example.unknown' })])
  await clock.settle()
  expect(only.settled).toEqual([`${kind} a`])
  expect(subscription.stats).toMatchObject(stats)
})

test('an undecodable message goes to the dead-letter queue without an attempt', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, () => {})
  const decodeError = new Error('no specversion')
  only.sink.deliver([
    delivery('a', { envelope: null, raw: { body: new Uint8Array([1]), headers: [] }, decodeError }),
  ])
  await clock.settle()
  expect(only.settlements).toMatchObject([
    { kind: 'dead', meta: { [META.reason]: 'undecodable', [META.failures]: '0' } },
  ])
})

test('a decode hook adopts messages that are not CloudEvents, and their headers stay readable', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const legacy = topic('legacy', {
    decode: raw => ({
      id: '1',
      source: '/legacy',
      type: 'legacy',
      data: JSON.parse(new TextDecoder().decode(raw.body ?? undefined)),
    }),
  })
  const seen: unknown[] = []
  await bus.subscribe(legacy, { group: 'g' }, d => void seen.push(d.data, d.headers, d.event.source))
  const raw = (text: string) => ({
    body: new TextEncoder().encode(text),
    headers: [['x-trace', '1'] as const],
  })
  only.sink.deliver([
    delivery('a', { envelope: null, raw: raw('{"n":1}') }),
    delivery('b', { envelope: null, raw: raw('{') }),
  ])
  await clock.settle()
  expect(seen).toEqual([{ n: 1 }, [['x-trace', '1']], '/legacy'])
  expect(only.settlements.map(s => (s.kind === 'dead' ? s.meta[META.reason] : s.kind)).sort()).toEqual([
    'ack',
    'undecodable',
  ])
})

test('an expired event is acked unhandled and counted', async () => {
  const { bus, only, clock } = await scriptedWorld()
  let handled = 0
  const subscription = await bus.subscribe('orders', { group: 'g' }, () => void handled++)
  const at = (ms: number) => new Date(clock.now() + ms).toISOString()
  only.sink.deliver([
    delivery('late', {}, { expirytime: at(0) }),
    delivery('fresh', {}, { expirytime: at(1) }),
  ])
  await clock.settle()
  expect([handled, only.settled.sort()]).toEqual([1, ['ack fresh', 'ack late']])
  expect(subscription.stats).toMatchObject({ expired: 1, handled: 1 })
})

test('what a handler publishes carries correlation, causation and trace of the event it handles', async () => {
  const { bus, broker, only, clock } = await scriptedWorld()
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await bus.subscribe('orders', { group: 'g' }, async () => {
    await Promise.resolve()
    await bus.publish(Shipped, { carrier: 'bike' })
    await bus.publish('orders', plain('whole'))
  })
  only.sink.deliver([delivery('cause', {}, { correlationid: 'root', traceparent: trace })])
  await clock.settle()
  const [built, whole] = broker.batches.flat().map(m => m.envelope.attributes)
  expect(built).toMatchObject({ correlationid: 'root', causationid: 'cause', traceparent: trace })
  expect(whole).not.toHaveProperty('causationid')
})

test('without a correlation, the handled event begins one; attributes of the call count before', async () => {
  const { bus, broker, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, async () => {
    await bus.publish(Shipped, { carrier: 'bike' })
    await bus.publish(Shipped, { carrier: 'van' }, { attributes: { correlationid: 'mine' } })
  })
  only.sink.deliver([delivery('cause')])
  await clock.settle()
  const [first, second] = broker.batches.flat().map(m => m.envelope.attributes)
  expect(first).toMatchObject({ correlationid: 'cause', causationid: 'cause' })
  expect(second).toMatchObject({ correlationid: 'mine', causationid: 'cause' })
})

test('what a handler changes in its delivery reaches neither the next attempt nor the dead letter', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const seen: unknown[] = []
  await bus.subscribe('orders', { retry: { attempts: 2, backoff: { kind: 'fixed', delay: 1 } } }, d => {
    seen.push([structuredClone(d.data), d.headers.length, d.body?.[0]])
    ;(d.data as Record<string, unknown>).id = 'changed'
    if (d.body !== null) d.body[0] = 0
    try {
      ;(d.headers as unknown[]).push(['x', 'y'])
    } catch {
      // Frozen is fine too.
    }
    throw new Error('again')
  })
  only.sink.deliver([delivery('a')])
  await clock.advance(10)
  expect(seen).toEqual([
    [{ id: 'a' }, 0, 123],
    [{ id: 'a' }, 0, 123],
  ])
})
