import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { META } from '../../src/adapter/envelope.ts'
import {
  amqpBinding,
  decodeEvent,
  decodeJsonBatch,
  decodeStructured,
  encodeEvent,
  encodeJsonBatch,
  encodeStructured,
  type HeaderBinding,
  HTTP_BINDING,
  headerBinding,
  httpBinding,
  kafkaBinding,
  natsBinding,
  rabbitmqBinding,
} from '../../src/cloudevents/index.ts'
import { isBusError } from '../../src/errors/index.ts'
import { canonicalEvent, textHeaders } from './events.ts'

const MINIMAL = { specversion: '1.0', id: '1', source: '/s', type: 't' }
const BINDINGS: readonly [string, HeaderBinding][] = [
  ['HTTP', httpBinding],
  ['NATS', natsBinding],
  ['Kafka', kafkaBinding],
  ['AMQP 1.0', amqpBinding],
  ['RabbitMQ', rabbitmqBinding],
]
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))
const failed = (field?: string) =>
  expect.objectContaining({ code: 'DECODE_FAILED', ...(field === undefined ? {} : { field }) })

/** What a transport without null bodies makes of one. */
const onTheWire = (name: string, body: Uint8Array | null) =>
  name === 'Kafka' ? body : (body ?? new Uint8Array())

describe.each(BINDINGS)('%s', (name, binding) => {
  it.each(['binary', 'structured'] as const)('brings every event through %s mode as it was', mode => {
    fc.assert(
      fc.property(canonicalEvent, textHeaders, (event, headers) => {
        const sent = binding.write(encodeEvent(event, headers), mode)
        const received = binding.read({ ...sent, body: onTheWire(name, sent.body) })
        expect(decodeEvent(received)).toStrictEqual(event)
        expect(received.headers).toEqual(headers)
      }),
      { numRuns: 200 },
    )
  })

  it('carries metadata of the closed list, and drops other names of that prefix', () => {
    const meta = { [META.failures]: '3', [META.errorMessage]: 'line one\nline "two" 100% größe' }
    for (const mode of ['binary', 'structured'] as const) {
      const sent = binding.write({ ...encodeEvent({ ...MINIMAL, data: 1 }), meta }, mode)
      const received = binding.read({ ...sent, headers: [...sent.headers, ['busbar-unknown', 'x']] })
      expect(received.meta).toEqual(meta)
      expect(received.headers).toEqual([])
    }
  })

  it.each([
    [{ datacontenttype: 'text/plain', data: '' }, {}],
    [{ datacontenttype: 'image/png', data: new Uint8Array() }, {}],
    [{ data: new Uint8Array() }, { [META.data]: 'binary' }],
    [{ datacontenttype: 'text/plain' }, {}],
  ])('tells empty data from none: %o', (part, meta) => {
    const sent = binding.write(encodeEvent({ ...MINIMAL, ...part }), 'binary')
    const received = binding.read({ ...sent, body: onTheWire(name, sent.body) })
    expect(decodeEvent(received)).toStrictEqual({ ...MINIMAL, ...part })
    expect(received.meta).toEqual(meta)
  })

  it('writes no attribute headers in structured mode', () => {
    const sent = binding.write(encodeEvent({ ...MINIMAL, data: new Uint8Array([1]) }), 'structured')
    expect(sent.headers.filter(([key]) => /^(?:ce[-_]|cloudEvents|busbar)/.test(key))).toEqual([])
  })

  it('reads a structured message with parameters and capitals in its content type, and drops attribute copies', () => {
    const body = encodeStructured(encodeEvent(MINIMAL))
    const type = 'Application/CloudEvents+JSON; charset=UTF-8'
    const [copy] = binding
      .write(encodeEvent({ ...MINIMAL, id: 'other' }), 'binary')
      .headers.filter(([, v]) => v === 'other')
    const headers = copy === undefined ? [] : [copy]
    expect(binding.read({ headers, contentType: type, body }).attributes).toEqual(MINIMAL)
  })

  it.each<[string, string | undefined, Uint8Array | null]>([
    ['a message without attributes', undefined, bytesOf('hello')],
    ['JSON that is not an event', 'application/json', bytesOf('[1]')],
    ['a batch', 'application/cloudevents-batch+json', encodeJsonBatch([encodeEvent(MINIMAL)])],
    ['another event format', 'application/cloudevents+avro', bytesOf('x')],
    ['a structured message without body', 'application/cloudevents+json', null],
    ['a structured message that is broken', 'application/cloudevents+json', bytesOf('{')],
  ])('refuses %s', (_, contentType, body) => {
    expect(() => binding.read({ headers: [], contentType, body })).toThrow(failed())
  })

  it('refuses an attribute that is there twice with different values', () => {
    const sent = binding.write(encodeEvent(MINIMAL), 'binary')
    const again = (id: string) =>
      sent.headers.map(([key, value]) => [key, value === '1' ? id : value] as const)
    expect(() => binding.read({ ...sent, headers: [...sent.headers, ...again('2')] })).toThrow(failed('id'))
    expect(binding.read({ ...sent, headers: [...sent.headers, ...again('1')] }).attributes).toEqual(MINIMAL)
  })

  it('throws nothing but DECODE_FAILED, whatever comes', () => {
    const key = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom(
        'ce-id',
        'ce_id',
        'cloudEvents:id',
        'ce-',
        'ce-__proto__',
        'ce_constructor',
        'content-type',
      ),
      fc.constantFrom('__proto__', 'busbar-data', 'busbar-__proto__', 'constructor'),
    )
    const type = fc.constantFrom(
      undefined,
      '',
      'application/cloudevents',
      'application/cloudevents+json',
      'text/plain',
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, fc.anything())),
        type,
        fc.option(fc.uint8Array()),
        (headers, contentType, body) => {
          try {
            decodeEvent(binding.read({ headers, contentType, body }))
          } catch (error) {
            if (!isBusError(error, 'DECODE_FAILED')) throw error
          }
          expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
        },
      ),
      { numRuns: 500 },
    )
  })

  it('takes thousands of headers and very long values', () => {
    const headers = Array.from({ length: 5000 }, (_, i) => [`x-${i}`, 'v'] as const)
    const event = { ...MINIMAL, long: 'x'.repeat(200_000) }
    const sent = binding.write(encodeEvent(event, headers), 'binary')
    const received = binding.read(sent)
    expect(received.headers).toHaveLength(5000)
    expect(received.attributes.long).toHaveLength(200_000)
  })
})

describe('where each binding puts things', () => {
  const event = encodeEvent({ ...MINIMAL, subject: 'a b', datacontenttype: 'text/plain', data: 'x' })

  it.each<[string, HeaderBinding, [string, string][], string | undefined]>([
    [
      'HTTP',
      httpBinding,
      [
        ['content-type', 'text/plain'],
        ['ce-specversion', '1.0'],
        ['ce-id', '1'],
        ['ce-source', '/s'],
        ['ce-type', 't'],
        ['ce-subject', 'a%20b'],
      ],
      undefined,
    ],
    [
      'NATS',
      natsBinding,
      [
        ['ce-specversion', '1.0'],
        ['ce-id', '1'],
        ['ce-source', '/s'],
        ['ce-type', 't'],
        ['ce-subject', 'a%20b'],
        ['ce-datacontenttype', 'text/plain'],
      ],
      undefined,
    ],
    [
      'Kafka',
      kafkaBinding,
      [
        ['content-type', 'text/plain'],
        ['ce_specversion', '1.0'],
        ['ce_id', '1'],
        ['ce_source', '/s'],
        ['ce_type', 't'],
        ['ce_subject', 'a b'],
      ],
      undefined,
    ],
    [
      'AMQP',
      amqpBinding,
      [
        ['cloudEvents_specversion', '1.0'],
        ['cloudEvents_id', '1'],
        ['cloudEvents_source', '/s'],
        ['cloudEvents_type', 't'],
        ['cloudEvents_subject', 'a b'],
      ],
      'text/plain',
    ],
  ])('%s', (_, binding, headers, contentType) => {
    const sent = binding.write(event, 'binary')
    expect(sent.headers).toEqual(headers)
    expect(sent.contentType).toBe(contentType)
    expect(Buffer.from(sent.body ?? []).toString()).toBe('x')
  })

  it('keeps a Kafka tombstone a null value, and empty data an empty one', () => {
    expect(kafkaBinding.write(encodeEvent(MINIMAL), 'binary').body).toBeNull()
    const empty = kafkaBinding.write(
      encodeEvent({ ...MINIMAL, datacontenttype: 'text/plain', data: '' }),
      'binary',
    )
    expect(empty.body).toHaveLength(0)
    expect(kafkaBinding.write(encodeEvent(MINIMAL), 'structured').body).not.toBeNull()
  })

  it('reads Kafka values as the bytes they are on the wire, and foreign ones as text only if they are', () => {
    const headers: [string, Uint8Array][] = Object.entries({ ...MINIMAL, subject: 'größe' }).map(
      ([key, value]) => [`ce_${key}`, bytesOf(value)],
    )
    const binary = new Uint8Array([0xff])
    const envelope = kafkaBinding.read({
      headers: [...headers, ['a', bytesOf('text')], ['b', binary]],
      body: null,
    })
    expect(envelope.attributes).toEqual({ ...MINIMAL, subject: 'größe' })
    expect(envelope.headers).toEqual([
      ['a', 'text'],
      ['b', binary],
    ])
    expect(() => kafkaBinding.read({ headers: [['ce_id', binary]], body: null })).toThrow(failed('id'))
  })

  it('reads AMQP values of every type, either separator, and long strings that RabbitMQ made binary', () => {
    const envelope = rabbitmqBinding.read({
      headers: [
        ['cloudEvents:specversion', '1.0'],
        ['cloudEvents:id', bytesOf('x'.repeat(300))],
        ['cloudEvents_source', '/s'],
        ['ce-type', 't'],
        ['cloudEvents:time', new Date(0)],
        ['cloudEvents:flag', true],
        ['cloudEvents:count', 5],
        ['cloudEvents:bytes', new Uint8Array([0xff])],
        ['cloudEvents:gone', null],
        ['x-count', 7],
        ['x-table', { a: 1 }],
        ['x-bytes', new Uint8Array([1])],
      ],
      body: null,
    })
    expect(envelope.attributes).toEqual({
      specversion: '1.0',
      id: 'x'.repeat(300),
      source: '/s',
      type: 't',
      time: '1970-01-01T00:00:00.000Z',
      flag: 'true',
      count: '5',
      bytes: '/w==',
    })
    expect(envelope.headers).toEqual([
      ['x-count', '7'],
      ['x-table', '{"a":1}'],
      ['x-bytes', new Uint8Array([1])],
    ])
  })

  it('reads HTTP and NATS names in any case', () => {
    const headers = Object.entries(MINIMAL).map(([key, value]) => [`CE-${key.toUpperCase()}`, value] as const)
    for (const binding of [httpBinding, natsBinding]) {
      expect(binding.read({ headers, body: null }).attributes).toEqual(MINIMAL)
    }
  })

  it('reads structured JSON that came over NATS without any header', () => {
    const body = encodeStructured(encodeEvent(MINIMAL))
    expect(natsBinding.read({ headers: [], body }).attributes).toEqual(MINIMAL)
    expect(() => httpBinding.read({ headers: [], body })).toThrow(failed())
  })

  it('leaves a NATS Content-Type that marks no mode in its place among the foreign headers', () => {
    const sent = natsBinding.write(encodeEvent(MINIMAL), 'binary')
    const foreign = [
      ['a', '1'],
      ['Content-Type', 'text/plain'],
      ['b', '2'],
    ] as const
    expect(natsBinding.read({ ...sent, headers: [...sent.headers, ...foreign] }).headers).toEqual(foreign)
  })

  it.each([httpBinding, natsBinding])('refuses bytes in a header where headers are text', binding => {
    const envelope = encodeEvent(MINIMAL, [['x', new Uint8Array([1])]])
    expect(() => binding.write(envelope, 'binary')).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT', field: 'headers.x' }),
    )
  })

  it('refuses bad percent-encoding, unless told to be lenient', () => {
    const headers = [...Object.entries(MINIMAL), ['subject', '100%']].map(
      ([key, value]) => [`ce-${key}`, value] as const,
    )
    expect(() => httpBinding.read({ headers, body: null })).toThrow(failed('subject'))
    const lenient = headerBinding({ ...HTTP_BINDING, values: 'percent-lenient' })
    expect(lenient.read({ headers, body: null }).attributes.subject).toBe('100%')
  })
})

it('brings every event through a structured document and a batch as it was', () => {
  fc.assert(
    fc.property(fc.array(canonicalEvent, { maxLength: 3 }), events => {
      const envelopes = events.map(event => encodeEvent(event))
      expect(envelopes.map(decodeEvent)).toStrictEqual(events)
      expect(envelopes.map(e => decodeEvent(decodeStructured(encodeStructured(e))))).toStrictEqual(events)
      expect(decodeJsonBatch(encodeJsonBatch(envelopes)).map(decodeEvent)).toStrictEqual(events)
    }),
    { numRuns: 200 },
  )
})
