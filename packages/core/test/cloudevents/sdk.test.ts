import { type CloudEventV1, HTTP, Kafka, CloudEvent as SdkCloudEvent } from 'cloudevents'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type CloudEvent,
  type CloudEventInput,
  decodeEvent,
  encodeEvent,
  httpBinding,
  kafkaBinding,
} from '../../src/cloudevents/index.ts'
import { fromSdk, toSdk } from '../../src/cloudevents/sdk.ts'

const EVENT = {
  specversion: '1.0',
  id: 'a-1',
  source: '/orders',
  type: 'com.example.placed',
  subject: 'order-1',
  time: '2026-01-31T12:00:00.123Z',
  datacontenttype: 'application/json',
  dataschema: 'https://example.com/schema',
  tenant: 'acme',
  data: { total: 9, lines: [1, 2] },
}
const BYTES = new Uint8Array([0, 1, 254, 255])

describe('SDK instances', () => {
  it('are accepted wherever an event is', () => {
    expect(decodeEvent(encodeEvent(new SdkCloudEvent(EVENT)))).toEqual(EVENT)
  })

  it('keep bytes, passed as data or as data_base64', () => {
    const base64 = Buffer.from(BYTES).toString('base64')
    for (const part of [
      { data: BYTES },
      { data: Buffer.from(BYTES) },
      { data: undefined, data_base64: base64 },
    ]) {
      const event = new SdkCloudEvent({ ...EVENT, datacontenttype: 'image/png', ...part } as Partial<
        CloudEventV1<unknown>
      >)
      const expected = { ...EVENT, datacontenttype: 'image/png', data: BYTES }
      expect(decodeEvent(encodeEvent(event))).toEqual(expected)
      expect(fromSdk(event)).toEqual(expected)
    }
  })

  it('are refused when the SDK let something invalid through', () => {
    const event = new SdkCloudEvent({ ...EVENT, time: 'yesterday', 'bad-name': '1' }, false)
    const refusal = expect.objectContaining({
      code: 'INVALID_EVENT',
      issues: [expect.objectContaining({ field: 'time' }), expect.objectContaining({ field: 'bad-name' })],
    })
    expect(() => encodeEvent(event)).toThrow(refusal)
    expect(() => fromSdk(event)).toThrow(refusal)
  })
})

describe('conversion', () => {
  it('goes to the SDK and back', () => {
    const event = toSdk(EVENT)
    expect(event).toBeInstanceOf(SdkCloudEvent)
    expect(event.data).toBe(EVENT.data)
    expect(fromSdk(event)).toEqual(EVENT)
  })

  it.each([0, false, '', null])('keeps the data %o', data => {
    expect(fromSdk(toSdk({ ...EVENT, data }))).toEqual({ ...EVENT, data })
  })

  it('leaves out what an event does not have, but for the time that the SDK invents', () => {
    const { time, ...plain } = fromSdk(toSdk({ id: '1', source: '/s', type: 't' }))
    expect(plain).toEqual({ specversion: '1.0', id: '1', source: '/s', type: 't' })
    expect(typeof time).toBe('string')
  })

  it('gives the SDK bytes for data_base64', () => {
    const { data: _, ...rest } = EVENT
    const event = toSdk({ ...rest, datacontenttype: 'image/png', data_base64: 'AAH+/w==' })
    expect([...(event.data as Uint8Array)]).toEqual([...BYTES])
  })

  it('refuses an invalid event', () => {
    expect(() => toSdk({ ...EVENT, source: 'a b' })).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT' }),
    )
  })
})

describe('interop over the wire', () => {
  const fromWire = (headers: object) =>
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined)

  it.each(['binary', 'structured'] as const)('the SDK reads what Busbar writes to HTTP in %s mode', mode => {
    const sent = httpBinding.write(encodeEvent(EVENT), mode)
    const headers = Object.fromEntries(sent.headers) as Record<string, string>
    const read = HTTP.toEvent({
      headers,
      body: Buffer.from(sent.body ?? []).toString(),
    }) as CloudEventV1<unknown>
    expect(fromSdk(read)).toEqual(EVENT)
  })

  it.each(['binary', 'structured'] as const)('Busbar reads what the SDK writes to HTTP in %s mode', mode => {
    const sent = HTTP[mode](new SdkCloudEvent(EVENT))
    const headers = fromWire(sent.headers)
    expect(decodeEvent(httpBinding.read({ headers, body: Buffer.from(sent.body as string) }))).toEqual(EVENT)
  })

  it.each(['binary', 'structured'] as const)('Kafka in %s mode, both ways', mode => {
    const sent = Kafka[mode](new SdkCloudEvent(EVENT))
    const body =
      typeof sent.value === 'string' ? Buffer.from(sent.value) : Buffer.from(JSON.stringify(sent.value))
    expect(decodeEvent(kafkaBinding.read({ headers: fromWire(sent.headers), body }))).toEqual(EVENT)

    const ours = kafkaBinding.write(encodeEvent(EVENT), mode)
    const headers = Object.fromEntries(ours.headers) as Record<string, string>
    const value = Buffer.from(ours.body ?? []).toString()
    const read = Kafka.toEvent({ headers, value, body: value, key: '' } as never) as CloudEventV1<unknown>
    // The SDK makes a partitionkey of whatever record key there is.
    const { partitionkey: _, ...rest } = fromSdk(read)
    expect(rest).toEqual(EVENT)
  })
})

describe('types', () => {
  it('are assignable both ways', () => {
    expectTypeOf<CloudEvent<{ a: number }>>().toExtend<CloudEventV1<{ a: number }>>()
    expectTypeOf<CloudEventV1<{ a: number }>>().toExtend<CloudEvent<{ a: number }>>()
    expectTypeOf<SdkCloudEvent<string>>().toExtend<CloudEventInput<string>>()
    expectTypeOf(toSdk<number>).returns.toEqualTypeOf<SdkCloudEvent<number>>()
    expectTypeOf(fromSdk<number>).returns.toEqualTypeOf<CloudEvent<number>>()
  })

  it('refuse what is no event', () => {
    const ours = (event: CloudEvent<number>) => event
    const theirs = (event: CloudEventV1<number>) => event
    const input = (event: CloudEventInput<number>) => event
    const base = { id: '1', source: '/s', type: 't' }
    const full = { ...base, specversion: '1.0' }
    ours(full)
    theirs(full)
    input(base)
    // @ts-expect-error an event has a specversion
    ours(base)
    // @ts-expect-error and a source
    input({ id: '1', type: 't' })
    // @ts-expect-error whose id is a string
    input({ ...base, id: 1 })
    // @ts-expect-error and whose data is what it says
    ours({ ...full, data: 'text' })
    // @ts-expect-error absent is not undefined
    ours({ ...full, subject: undefined })
    // @ts-expect-error nor is data of another type
    theirs({} as CloudEvent<string>)
    // @ts-expect-error in either direction
    ours({} as CloudEventV1<string>)
    expect(full.id).toBe('1')
  })
})
