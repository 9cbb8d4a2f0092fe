import { request, topic } from '@busbar/core'
import { META } from '@busbar/core/adapter'
import { encodeEvent } from '@busbar/core/cloudevents'
import { MemoryBroker } from '@busbar/memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { delivery, gate, memoryWorld, never, scriptedWorld, watch } from '../support/world.ts'

const Quote = request('com.example.quote', {
  topic: 'pricing',
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.coerce.number().int() }),
  errors: { NOT_FOUND: z.object({ sku: z.string() }) },
})

test("ask and answer: the caller gets the schema's output", async () => {
  const { bus } = await memoryWorld()
  await bus.respond(Quote, { group: 'pricing' }, ({ input }) => ({ cents: `${input.sku.length}` }))
  await expect(bus.request(Quote, { sku: 'abc' })).resolves.toEqual({ cents: 3 })
})

test('input against its schema is refused before anything is sent', async () => {
  const { bus, broker } = await scriptedWorld()
  await expect(bus.request(Quote, { sku: 5 } as never)).rejects.toMatchObject({
    code: 'SCHEMA_VIOLATION',
    field: 'input.sku',
  })
  expect(broker.batches).toEqual([])
})

test('nobody answers in time: REQUEST_TIMEOUT, and a reply that comes later is dropped and counted', async () => {
  const { bus, broker, clock } = await scriptedWorld()
  const asked = watch(bus.request(Quote, { sku: 'a' }, { timeout: 2_000 }))
  await clock.advance(1_999)
  expect(asked.state).toBe('pending')
  await clock.advance(1)
  expect(asked.error).toMatchObject({ code: 'REQUEST_TIMEOUT', retryable: true })
  const [sent] = broker.batches.flat()
  broker.deliverReply?.(delivery('late', { requestId: sent?.requestId ?? '' }))
  expect(bus.stats.requests).toEqual({ sent: 1, pending: 0, timedOut: 1, lateReplies: 1 })
})

test('a request carries its expiry, its own id and the reply address, and is sent once whatever comes of it', async () => {
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => batch.map(() => ({ status: 'unknown', cause: new Error('link died') })),
  })
  const asked = watch(
    bus.request(Quote, { sku: 'a' }, { timeout: 2_000, attributes: { correlationid: 'mine' } }),
  )
  await clock.advance(1_999)
  expect(asked.error?.code).toBe('PUBLISH_UNKNOWN')
  expect(broker.batches).toHaveLength(1)
  expect(broker.batches[0]?.[0]).toMatchObject({
    to: { kind: 'request', topic: 'pricing' },
    replyTo: 'replies/1',
    requestId: expect.any(String),
    expiresAt: clock.now() + 1,
    envelope: { attributes: { expirytime: new Date(clock.now() + 1).toISOString(), correlationid: 'mine' } },
  })
})

test('an aborted request rejects with ABORTED and tells nobody else', async () => {
  const { bus, clock } = await scriptedWorld()
  const stop = new AbortController()
  const asked = watch(bus.request(Quote, { sku: 'a' }, { signal: stop.signal }))
  await clock.settle()
  stop.abort(new Error('user left'))
  await clock.settle()
  expect(asked.error).toMatchObject({ code: 'ABORTED', cause: { message: 'user left' } })
  expect(bus.stats.requests.pending).toBe(0)
  await expect(bus.request(Quote, { sku: 'a' }, { signal: stop.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  })
})

test('a declared failure comes back typed; anything else the responder throws is a remote failure without its stack', async () => {
  const { bus, errors } = await memoryWorld()
  await bus.respond(Quote, { group: 'pricing' }, ({ input, fail }) => {
    if (input.sku === 'none') fail('NOT_FOUND', { sku: input.sku })
    throw new Error('database is down')
  })
  const failure = await bus.request(Quote, { sku: 'none' }).catch(error => error)
  expect(Quote.isFailure(failure, 'NOT_FOUND') && failure.data).toEqual({ sku: 'none' })
  const remote = await bus.request(Quote, { sku: 'x' }).catch(error => error)
  expect(remote).toMatchObject({
    code: 'REMOTE_FAILURE',
    message: expect.stringContaining('database is down'),
  })
  expect(remote.message).not.toContain('requests.test')
  expect(errors).toMatchObject([{ code: 'HANDLER_FAILED', cause: { message: 'database is down' } }])
})

test('a responder whose answer breaks the schema fails the request, and reports it on its side', async () => {
  const { bus, errors } = await memoryWorld()
  await bus.respond(Quote, { group: 'pricing' }, () => ({ cents: 'many' }))
  await expect(bus.request(Quote, { sku: 'a' })).rejects.toMatchObject({ code: 'REMOTE_FAILURE' })
  expect(errors.map(e => e.code)).toEqual(['SCHEMA_VIOLATION'])
})

test.each([
  ['that JSON cannot carry', 5n, 'bigint'],
  ['that JSON would change', new Map(), 'data'],
  ['larger than the broker takes', 'x'.repeat(3_000), 'bytes'],
])('an answer %s fails the request at once, and is reported', async (_, answer, said) => {
  const anything = {
    '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
  } as const
  const Ask = request('com.example.anything', { topic: 'pricing', input: anything, output: anything })
  const { bus, errors, clock } = await memoryWorld({}, { messageBytes: 2_000 })
  await bus.respond(Ask, { group: 'pricing' }, () => answer)
  const asked = watch(bus.request(Ask, 1))
  await clock.settle()
  expect(asked.error).toMatchObject({ code: 'REMOTE_FAILURE', message: expect.stringMatching(said) })
  expect(errors).toMatchObject([{ code: 'PUBLISH_FAILED', retryable: false }])
})

test("a reply that breaks the caller's schema, or names a failure it does not declare: INVALID_REPLY", async () => {
  const { bus, broker, clock } = await scriptedWorld()
  const reply = async (data: unknown, meta: Record<string, string>) => {
    const asked = watch(bus.request(Quote, { sku: 'a' }))
    await clock.settle()
    const envelope = encodeEvent({ id: 'r', source: '/r', type: 'reply', data })
    const requestId = broker.batches.flat().at(-1)?.requestId ?? ''
    broker.deliverReply?.(
      delivery('r', { requestId, envelope: { ...envelope, meta: { ...envelope.meta, ...meta } } }),
    )
    await clock.settle()
    return asked.error?.code
  }
  expect(await reply({ cents: 'x' }, { [META.replyStatus]: 'ok' })).toBe('INVALID_REPLY')
  expect(await reply({}, { [META.replyStatus]: 'failure', [META.errorCode]: 'OTHER' })).toBe('INVALID_REPLY')
  expect(await reply({}, { [META.replyStatus]: 'failure', [META.errorCode]: 'constructor' })).toBe(
    'INVALID_REPLY',
  )
})

test('without a responder the request fails at once where the broker can tell', async () => {
  const { bus, clock } = await memoryWorld()
  const before = clock.now()
  await expect(bus.request(Quote, { sku: 'a' })).rejects.toMatchObject({ code: 'NO_RESPONDER' })
  expect(clock.now()).toBe(before)
})

test('a request whose reply address is outside the namespace is dropped unhandled and reported', async () => {
  const { bus, only, broker, clock, errors } = await scriptedWorld()
  let handled = 0
  await bus.respond(Quote, { group: 'pricing' }, () => {
    handled++
    return { cents: 1 }
  })
  const forged = { topic: 'pricing', replyTo: 'orders', requestId: '1' }
  only.sink.deliver([delivery('a', forged, { type: Quote.type, data: { sku: 'a' } })])
  await clock.settle()
  expect([handled, broker.batches.length, only.settled]).toEqual([0, 0, ['ack a']])
  expect(errors).toMatchObject([{ code: 'DECODE_FAILED', field: META.replyTo }])
})

test('requests are acked before they are handled, and an expired one is not handled', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const hold = gate()
  let handled = 0
  const responder = await bus.respond(Quote, { group: 'pricing', concurrency: 1 }, async () => {
    handled++
    await hold.promise
    return { cents: 1 }
  })
  const asked = (id: string, ms: number) =>
    delivery(
      id,
      { topic: 'pricing', replyTo: 'replies/1', requestId: id },
      { type: Quote.type, data: { sku: 'a' }, expirytime: new Date(clock.now() + ms).toISOString() },
    )
  only.sink.deliver([asked('a', 5_000), asked('b', 1_000)])
  await clock.settle()
  expect(only.settled).toEqual(['ack a'])
  await clock.advance(1_000)
  hold.open()
  await clock.settle()
  expect([handled, only.settled]).toEqual([1, ['ack a', 'ack b']])
  expect(responder.stats).toMatchObject({ handled: 1, expired: 1 })
})

test("the responder's signal aborts when the caller no longer waits, and nothing is sent then", async () => {
  const { bus, only, broker, clock } = await scriptedWorld()
  const reasons: unknown[] = []
  await bus.respond(Quote, { group: 'pricing' }, async ({ signal }) => {
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    reasons.push(signal.reason)
    return { cents: 1 }
  })
  const expirytime = new Date(clock.now() + 1_000).toISOString()
  only.sink.deliver([
    delivery(
      'a',
      { topic: 'pricing', replyTo: 'replies/1', requestId: '1' },
      { type: Quote.type, data: { sku: 'a' }, expirytime },
    ),
  ])
  await clock.advance(1_000)
  expect(reasons).toMatchObject([{ code: 'REQUEST_TIMEOUT' }])
  expect(broker.batches).toEqual([])
})

test('two groups that answer different types on one topic do not answer for each other', async () => {
  const { bus } = await memoryWorld()
  const Stock = request('com.example.stock', { topic: 'pricing', input: z.object({}), output: z.number() })
  await bus.respond(Stock, { group: 'stock' }, () => 5)
  await bus.respond(Quote, { group: 'pricing' }, async () => {
    await new Promise(resolve => setImmediate(resolve))
    return { cents: 7 }
  })
  await expect(bus.request(Quote, { sku: 'a' })).resolves.toEqual({ cents: 7 })
})

test('the link is lost: every waiting request rejects with CONNECTION_LOST, and later ones work', async () => {
  const broker = new MemoryBroker()
  const { bus, clock } = await memoryWorld({ clientName: 'asker' }, broker)
  const responder = await memoryWorld({ clock, clientName: 'answerer' }, broker)
  let answer = false
  await responder.bus.respond(Quote, { group: 'pricing' }, () => (answer ? { cents: 1 } : never()))
  const asked = watch(bus.request(Quote, { sku: 'a' }))
  await clock.settle()
  broker.faults.cut('asker')
  await clock.settle()
  expect(asked.error?.code).toBe('CONNECTION_LOST')
  broker.faults.heal('asker')
  answer = true
  await clock.advance(1_000)
  await expect(bus.request(Quote, { sku: 'a' })).resolves.toEqual({ cents: 1 })
})

test('closing the bus rejects waiting requests with BUS_CLOSED', async () => {
  const { bus, clock } = await scriptedWorld()
  const asked = watch(bus.request(Quote, { sku: 'a' }))
  await clock.settle()
  await bus.close()
  expect(asked.error?.code).toBe('BUS_CLOSED')
  expect(clock.pending).toBe(0)
})

test('an adapter without replies refuses request and respond', async () => {
  const { bus } = await scriptedWorld({ without: ['request.reply'] })
  await expect(bus.request(Quote, { sku: 'a' })).rejects.toMatchObject({ code: 'CAPABILITY_UNSUPPORTED' })
  await expect(bus.respond(Quote, { group: 'g' }, () => ({ cents: 1 }))).rejects.toMatchObject({
    code: 'CAPABILITY_UNSUPPORTED',
  })
})

test('a retention that the adapter cannot keep is refused by requests too', async () => {
  const { bus, broker } = await scriptedWorld({ without: ['topic.retention'] })
  const Kept = request('com.example.kept', {
    topic: topic('pricing', { retention: { age: 1_000 } }),
    input: z.null(),
    output: z.null(),
  })
  const refused = { code: 'CAPABILITY_UNSUPPORTED', field: 'topic.retention' }
  await expect(bus.request(Kept, null)).rejects.toMatchObject(refused)
  await expect(bus.respond(Kept, { group: 'g' }, () => null)).rejects.toMatchObject(refused)
  expect(broker.calls).toEqual(['connect'])
})
