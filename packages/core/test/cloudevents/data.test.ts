import { describe, expect, it } from 'vitest'
import { META } from '../../src/adapter/envelope.ts'
import { type CloudEventInput, decodeData, decodeEvent, encodeEvent } from '../../src/cloudevents/index.ts'
import { isBusError } from '../../src/errors/index.ts'

const MINIMAL = { id: '1', source: '/s', type: 't' }
const withData = (data: unknown, datacontenttype?: string) =>
  encodeEvent({ ...MINIMAL, data, ...(datacontenttype === undefined ? {} : { datacontenttype }) })
const textOf = (body: Uint8Array | null) => (body === null ? null : Buffer.from(body).toString())

describe('data on its way out and back', () => {
  const bytes = new Uint8Array([0, 255, 10])
  const latin1 = 'text/plain; charset=iso-8859-1'
  /** Data, content type, what the reader is told beyond the content type, body. */
  it.each<[unknown, string | undefined, string | undefined, string | null]>([
    [{ a: 1 }, undefined, undefined, '{"a":1}'],
    [{ a: 1 }, 'application/json', undefined, '{"a":1}'],
    [{ a: 1 }, 'Application/JSON; charset=UTF-8', undefined, '{"a":1}'],
    [[1], 'application/problem+json', undefined, '[1]'],
    ['text', undefined, undefined, '"text"'],
    ['{"a":1}', 'application/json', undefined, '"{\\"a\\":1}"'],
    [0, undefined, undefined, '0'],
    [false, undefined, undefined, 'false'],
    ['', undefined, undefined, '""'],
    [null, undefined, undefined, 'null'],
    [null, 'text/plain', 'json', 'null'],
    ['text', 'text/plain', undefined, 'text'],
    ['', 'text/plain', undefined, ''],
    ['<a/>', 'application/xml', undefined, '<a/>'],
    ['<svg/>', 'image/svg+xml', undefined, '<svg/>'],
    ['größe 😀', 'text/plain; charset="utf-8"', undefined, 'größe 😀'],
    ['\ufeffmarked', 'text/plain', undefined, '\ufeffmarked'],
    ['\ufffd', 'text/plain', undefined, '\ufffd'],
    ['text', 'application/octet-stream', 'text', 'text'],
  ])('carries %o as %s', (data, contentType, told, body) => {
    const envelope = withData(data, contentType)
    expect(textOf(envelope.body)).toBe(body)
    expect(envelope.meta[META.data]).toBe(told)
    expect(decodeData(envelope)).toEqual(data)
  })

  it.each<[string | undefined, string | undefined]>([
    [undefined, 'binary'],
    ['application/json', 'binary'],
    ['text/plain', 'binary'],
    [latin1, undefined],
    ['application/octet-stream', undefined],
    ['image/png', undefined],
  ])('hands bytes under %s back as bytes', (contentType, told) => {
    for (const data of [bytes, Buffer.from(bytes), bytes.buffer, new DataView(bytes.buffer)]) {
      const envelope = withData(data, contentType)
      expect(envelope.meta[META.data]).toBe(told)
      const back = decodeData(envelope)
      expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype)
      expect(back).toEqual(bytes)
    }
  })

  it('does not let a handler change the bytes of a retry', () => {
    const envelope = withData(new Uint8Array([1]))
    ;(decodeData(envelope) as Uint8Array)[0] = 9
    expect(decodeData(envelope)).toEqual(new Uint8Array([1]))
  })

  it('keeps absent data apart from null', () => {
    const absent = encodeEvent(MINIMAL)
    expect(absent.body).toBeNull()
    expect('data' in decodeEvent(absent)).toBe(false)
    expect(encodeEvent({ ...MINIMAL, data: undefined }).body).toBeNull()
    expect(decodeEvent(withData(null))).toHaveProperty('data', null)
  })

  it('drops undefined members as JSON does, and uses toJSON', () => {
    expect(decodeData(withData({ a: undefined, b: new Date(0) }))).toEqual({ b: '1970-01-01T00:00:00.000Z' })
  })

  it('takes data_base64 for bytes, and the pair that the SDK makes', () => {
    const base64 = Buffer.from(bytes).toString('base64')
    expect(decodeData(encodeEvent({ ...MINIMAL, data_base64: base64 }))).toEqual(bytes)
    expect(decodeData(encodeEvent({ ...MINIMAL, data_base64: base64, data: bytes }))).toEqual(bytes)
    expect(
      decodeData(encodeEvent({ ...MINIMAL, data_base64: base64, data: Uint32Array.from(bytes) })),
    ).toEqual(bytes)
    expect(decodeData(encodeEvent({ ...MINIMAL, data_base64: '' }))).toEqual(new Uint8Array())
  })

  it('lets an empty body under a JSON content type count as none', () => {
    expect(decodeData({ ...encodeEvent(MINIMAL), body: new Uint8Array() })).toBeUndefined()
  })

  it('ignores a byte order mark before JSON', () => {
    expect(decodeData({ ...encodeEvent(MINIMAL), body: Buffer.from('\ufeff{"a":1}') })).toEqual({ a: 1 })
  })

  it('never lets a key reach a prototype', () => {
    const data = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
    const back = decodeEvent(withData(data)).data as object
    expect(Object.hasOwn(back, '__proto__')).toBe(true)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('data that is refused', () => {
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  let deep: unknown = 1
  for (let i = 0; i < 200_000; i++) deep = [deep]

  it.each<[string, object, string]>([
    ['a bigint', { data: { n: 1n } }, 'data'],
    ['a cycle', { data: cyclic }, 'data'],
    ['nesting beyond the stack', { data: deep }, 'data'],
    ['NaN', { data: { a: [1, Number.NaN] } }, 'data.a[1]'],
    ['infinity', { data: Number.POSITIVE_INFINITY }, 'data'],
    ['a Map', { data: { m: new Map([[1, 2]]) } }, 'data.m'],
    ['an Error', { data: new Error('x') }, 'data'],
    ['a function', { data: () => 1 }, 'data'],
    ['a function in an array', { data: [() => 1] }, 'data[0]'],
    ['a symbol', { data: Symbol('x') }, 'data'],
    ['an object as text', { data: { a: 1 }, datacontenttype: 'text/plain' }, 'data'],
    ['a number as an image', { data: 1, datacontenttype: 'image/png' }, 'data'],
    ['a string in another charset', { data: 'ä', datacontenttype: 'text/plain; charset=latin1' }, 'data'],
    [
      'a lone surrogate as text',
      { data: `a${String.fromCharCode(0xd800)}`, datacontenttype: 'text/plain' },
      'data',
    ],
    ['bad base64', { data_base64: 'a' }, 'data_base64'],
    ['base64 of another alphabet', { data_base64: '-_-_' }, 'data_base64'],
    ['base64 that is no string', { data_base64: 5 }, 'data_base64'],
    ['data beside other base64', { data: 'x', data_base64: 'AAAA' }, 'data_base64'],
    ['null beside base64', { data: null, data_base64: 'AAAA' }, 'data_base64'],
  ])('refuses %s', (_, part, field) => {
    let error: unknown
    try {
      encodeEvent({ ...MINIMAL, ...part } as CloudEventInput)
    } catch (thrown) {
      error = thrown
    }
    expect(isBusError(error, 'INVALID_EVENT')).toBe(true)
    expect(error).toMatchObject({ issues: [{ field, remedy: expect.any(String) }] })
  })

  it('accepts a null, an empty object and an empty instance beside them', () => {
    class Empty {}
    expect(decodeData(withData({ a: null, b: {}, c: new Empty(), d: [undefined] }))).toEqual({
      a: null,
      b: {},
      c: {},
      d: [null],
    })
  })
})

describe('data that does not decode', () => {
  const read = (body: string | Uint8Array, datacontenttype: string, told?: string) =>
    decodeData({
      attributes: { specversion: '1.0', ...MINIMAL, datacontenttype },
      body: typeof body === 'string' ? Buffer.from(body) : body,
      meta: told === undefined ? {} : { [META.data]: told },
      headers: [],
    })

  it.each<[string, string | Uint8Array, string]>([
    ['broken JSON', '{"a":', 'application/json'],
    ['two values', '1 2', 'application/json'],
    ['JSON in bad UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'application/json'],
    ['text in bad UTF-8', new Uint8Array([0xc3, 0x28]), 'text/plain'],
    ['text cut inside a character', new Uint8Array([0xe2, 0x82]), 'text/plain'],
    ['text of an encoded surrogate', new Uint8Array([0xed, 0xa0, 0x80]), 'text/plain'],
  ])('throws DECODE_FAILED for %s', (_, body, contentType) => {
    expect(() => read(body, contentType)).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED', field: 'data' }),
    )
  })

  it('parses deeply nested JSON without overflowing', () => {
    const depth = 100_000
    expect(() => read(`${'['.repeat(depth)}${']'.repeat(depth)}`, 'application/json')).not.toThrow()
    expect(() => read('['.repeat(depth), 'application/json')).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED' }),
    )
  })

  it('ignores a kind that nobody knows', () => {
    expect(read('1', 'application/json', 'protobuf')).toBe(1)
  })
})

describe('foreign headers', () => {
  it('keeps them in order, repeated ones and bytes included', () => {
    const headers = [
      ['b', '1'],
      ['a', 'größe'],
      ['b', new Uint8Array([0])],
    ] as const
    expect(encodeEvent(MINIMAL, headers).headers).toEqual(headers)
  })

  it.each([
    'busbar-data',
    'Busbar-anything',
    'ce-id',
    'CE_x',
    'cloudEvents:x',
    'cloudEvents_x',
    'Content-Type',
  ])('refuses the name %s', name => {
    expect(() => encodeEvent(MINIMAL, [[name, 'x']])).toThrow(
      expect.objectContaining({ code: 'RESERVED_HEADER', field: `headers.${name}` }),
    )
  })

  it.each<[unknown, unknown]>([
    ['', 'x'],
    ['a\nb', 'x'],
    [5, 'x'],
    ['a', 'x\r\ninjected: 1'],
    ['a', 5],
    ['a', undefined],
  ])('refuses the header %o: %o', (name, value) => {
    expect(() => encodeEvent(MINIMAL, [[name as string, value as string]])).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT' }),
    )
  })
})
