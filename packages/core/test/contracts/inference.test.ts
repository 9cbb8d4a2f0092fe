import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import * as z from 'zod'
import {
  type AnyEventContract,
  type AnyRequestContract,
  type EventOf,
  type ExtensionInputsOf,
  type ExtensionsOf,
  event,
  type FailuresOf,
  type InputOf,
  type OutputOf,
  type RequestInput,
  type RequestOutput,
  type ResponseInput,
  type ResponseOutput,
  request,
  topic,
} from '../../src/contracts/index.ts'

// Checked by the compiler: `@ts-expect-error` fails the build when the line below it is accepted.

const Zod = event('com.example.zod', {
  topic: topic('orders', { ordered: true, partitions: 4 }),
  data: z.object({
    id: z.string(),
    placed: z.string().transform(text => new Date(text)),
    note: z.string().default(''),
  }),
  key: order => order.id,
})
const Valibot = event('com.example.valibot', {
  topic: 'orders',
  data: v.object({ id: v.string(), cents: v.pipe(v.string(), v.transform(Number)) }),
  key: order => order.id,
})
const Arktype = event('com.example.arktype', {
  topic: 'orders',
  data: type({ id: 'string', cents: 'string.numeric.parse' }),
  key: order => order.id,
})
const Untyped = event('com.example.untyped', { topic: 'orders' })

/** Stands for `bus.publish`. */
const publish = <C extends AnyEventContract>(_contract: C, data: InputOf<C>): unknown => data

describe('event contracts', () => {
  it('infer what is passed and what is handled, by the schema', () => {
    expectTypeOf<InputOf<typeof Zod>>().toEqualTypeOf<{
      id: string
      placed: string
      note?: string | undefined
    }>()
    expectTypeOf<OutputOf<typeof Zod>>().toEqualTypeOf<{ id: string; placed: Date; note: string }>()
    expectTypeOf<InputOf<typeof Valibot>>().toEqualTypeOf<{ id: string; cents: string }>()
    expectTypeOf<OutputOf<typeof Valibot>>().toEqualTypeOf<{ id: string; cents: number }>()
    expectTypeOf<InputOf<typeof Arktype>>().toEqualTypeOf<{ id: string; cents: string }>()
    expectTypeOf<OutputOf<typeof Arktype>>().toEqualTypeOf<{ id: string; cents: number }>()
    expectTypeOf<InputOf<typeof Untyped>>().toBeUnknown()
    expectTypeOf<OutputOf<typeof Untyped>>().toBeUnknown()
    expect(Zod.key?.({ id: '7', placed: '' })).toBe('7')
  })

  it('keep their type literal', () => {
    expectTypeOf(Zod.type).toEqualTypeOf<'com.example.zod'>()
    expectTypeOf(Zod.topic.name).toBeString()
    expectTypeOf(topic('orders').name).toEqualTypeOf<'orders'>()
    expect(Zod.type).toBe('com.example.zod')
  })

  it('refuse a wrong payload when compiling', () => {
    publish(Zod, { id: '1', placed: '2026-01-01' })
    publish(Untyped, { anything: true })
    // @ts-expect-error: a schema's output is not its input.
    publish(Zod, { id: '1', placed: new Date() })
    // @ts-expect-error: a field is missing.
    publish(Zod, { id: '1' })
    // @ts-expect-error: an unknown field.
    publish(Valibot, { id: '1', cents: '2', dollars: 3 })
    // @ts-expect-error: a field of another type.
    publish(Arktype, { id: 1, cents: '2' })
  })

  it('refuse a wrong definition when compiling', () => {
    const data = z.object({ id: z.number() })
    // @ts-expect-error: a key is a string.
    const key = () => event('t', { topic: 'a', data, key: order => order.id })
    // @ts-expect-error: the data has no such field.
    const field = () => event('t', { topic: 'a', data, key: order => order.name })
    // @ts-expect-error: data is unknown without a schema.
    const unknown = () => event('t', { topic: 'a', key: order => order.id })
    // @ts-expect-error: no topic.
    const without = () => event('t', { data })
    // @ts-expect-error: not a schema.
    const schema = () => event('t', { topic: 'a', data: { id: 'string' } })
    // @ts-expect-error: an unknown option.
    const option = () => event('t', { topic: 'a', data, retries: 3 })
    // @ts-expect-error: not a type of CloudEvents attributes.
    const extension = () => event('t', { topic: 'a', data, extensions: { size: 'float' } })
    // @ts-expect-error: not a kind of backoff.
    const backoff = () => event('t', { topic: 'a', data, retry: { backoff: { kind: 'cubic', initial: 1 } } })
    for (const define of [without, schema, option, extension, backoff]) expect(define).toThrow(/event 't'/)
    for (const define of [key, field, unknown]) expect(define).not.toThrow()
  })

  it('tell apart the events of several contracts by type', () => {
    const handle = (received: EventOf<typeof Zod | typeof Valibot>) => {
      switch (received.type) {
        case 'com.example.zod':
          expectTypeOf(received.data).toEqualTypeOf<{ id: string; placed: Date; note: string }>()
          return received.data.placed.getTime()
        case 'com.example.valibot':
          expectTypeOf(received.data).toEqualTypeOf<{ id: string; cents: number }>()
          // @ts-expect-error: of the other contract.
          expect(received.data.placed).toBeUndefined()
          return received.data.cents
      }
    }
    const attributes = { specversion: '1.0', id: '1', source: '/' }
    expect(handle({ ...attributes, type: 'com.example.valibot', data: { id: '1', cents: 5 } })).toBe(5)
  })

  it('are all of one general type', () => {
    const all: readonly AnyEventContract[] = [Zod, Valibot, Arktype, Untyped]
    expect(all).toHaveLength(4)
    // @ts-expect-error: a request is not an event.
    const wrong: AnyEventContract = Quote
    expect(wrong.kind).toBe('request')
  })

  it('give typed extensions to handlers and take them from publishers', () => {
    const Sized = event('t', {
      topic: 'a',
      extensions: { size: 'integer', due: 'timestamp', tenant: 'string' },
    })
    expectTypeOf<ExtensionsOf<typeof Sized>>().toEqualTypeOf<{
      readonly size?: number
      readonly due?: Date
      readonly tenant?: string
    }>()
    expectTypeOf<ExtensionInputsOf<typeof Sized>>().toEqualTypeOf<{
      readonly size?: number
      readonly due?: Date | string
      readonly tenant?: string
    }>()
    expectTypeOf<keyof ExtensionsOf<typeof Zod>>().toBeNever()
    expect(Sized.extensions.size).toBe('integer')
  })
})

const Quote = request('com.example.quote', {
  topic: 'pricing',
  input: z.object({ sku: z.string().transform(sku => sku.length) }),
  output: v.object({ cents: v.pipe(v.string(), v.transform(Number)) }),
  errors: {
    NOT_FOUND: type({ sku: 'string.numeric.parse' }),
    SOLD_OUT: z.object({ until: z.coerce.date<string>() }),
  },
})
const Plain = request('com.example.plain', { topic: 'pricing', input: z.string(), output: z.number() })

describe('request contracts', () => {
  it('infer both ends of question and answer', () => {
    expectTypeOf<RequestInput<typeof Quote>>().toEqualTypeOf<{ sku: string }>()
    expectTypeOf<RequestOutput<typeof Quote>>().toEqualTypeOf<{ sku: number }>()
    expectTypeOf<ResponseInput<typeof Quote>>().toEqualTypeOf<{ cents: string }>()
    expectTypeOf<ResponseOutput<typeof Quote>>().toEqualTypeOf<{ cents: number }>()
    expectTypeOf<FailuresOf<typeof Quote>>().toEqualTypeOf<{
      readonly NOT_FOUND: { sku: string }
      readonly SOLD_OUT: { until: string }
    }>()
    expectTypeOf<keyof FailuresOf<typeof Plain>>().toBeNever()
    const all: readonly AnyRequestContract[] = [Quote, Plain]
    expect(all.map(contract => contract.kind)).toEqual(['request', 'request'])
  })

  it('narrow an error to the declared failure', () => {
    const caught: unknown = new Error('other')
    const narrow = () => {
      if (Quote.isFailure(caught, 'NOT_FOUND')) {
        expectTypeOf(caught.code).toEqualTypeOf<'REQUEST_FAILED'>()
        expectTypeOf(caught.failure).toEqualTypeOf<'NOT_FOUND'>()
        expectTypeOf(caught.data).toEqualTypeOf<{ sku: number }>()
        return true
      }
      if (Quote.isFailure(caught, 'SOLD_OUT')) expectTypeOf(caught.data).toEqualTypeOf<{ until: Date }>()
      // @ts-expect-error: not declared.
      if (Quote.isFailure(caught, 'GONE')) return true
      // @ts-expect-error: none is declared.
      return Plain.isFailure(caught, 'NOT_FOUND')
    }
    expect(narrow()).toBe(false)
  })

  it('refuse a wrong definition when compiling', () => {
    // @ts-expect-error: no output.
    const output = () => request('t', { topic: 'a', input: z.string() })
    const failure = () =>
      request('t', {
        topic: 'a',
        input: z.string(),
        output: z.string(),
        // @ts-expect-error: a failure is a schema.
        errors: { E: 'text' },
      })
    for (const define of [output, failure]) expect(define).toThrow(/request 't'/)
  })
})
