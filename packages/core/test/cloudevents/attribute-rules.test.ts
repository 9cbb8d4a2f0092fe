import { describe, expect, it } from 'vitest'
import type { CloudEventInput } from '../../src/cloudevents/index.ts'
import { decodeEvent, encodeEvent, validateAttributes } from '../../src/cloudevents/index.ts'
import { type BusError, isBusError } from '../../src/errors/index.ts'

const MINIMAL = { id: '1', source: '/s', type: 't' }

function failure(run: () => unknown): BusError {
  try {
    run()
  } catch (error) {
    if (isBusError(error)) return error as BusError
    throw error
  }
  throw new Error('nothing was thrown')
}

const fieldsOf = (event: object) =>
  failure(() => encodeEvent(event as CloudEventInput)).issues.map(issue => issue.field)

const surrogate = String.fromCharCode(0xd800)

/** Attribute, value, canonical string. */
const ACCEPTED: readonly [string, unknown, string][] = [
  ['id', ' ', ' '],
  ['id', 'x'.repeat(65_536), 'x'.repeat(65_536)],
  ['id', 'größe 😀', 'größe 😀'],
  ['source', '/orders', '/orders'],
  ['source', 'https://example.com:8080/a?b=c#d', 'https://example.com:8080/a?b=c#d'],
  ['source', 'urn:event:from:myapi/resource/123', 'urn:event:from:myapi/resource/123'],
  ['source', 'mailto:cncf@example.org', 'mailto:cncf@example.org'],
  ['source', 'http://[2001:db8::1]:80/x', 'http://[2001:db8::1]:80/x'],
  ['source', '//host/path', '//host/path'],
  ['source', './a:b', './a:b'],
  ['source', 'a%20b', 'a%20b'],
  ['source', new URL('https://example.com/x'), 'https://example.com/x'],
  ['type', 'com.example.order placed', 'com.example.order placed'],
  ['subject', 'mynewfile.jpg', 'mynewfile.jpg'],
  ['specversion', '1.0', '1.0'],
  ['specversion', undefined, '1.0'],
  ['time', '2026-01-31T12:00:00Z', '2026-01-31T12:00:00Z'],
  ['time', '2026-01-31T12:00:00.123456789Z', '2026-01-31T12:00:00.123456789Z'],
  ['time', '2026-01-31t12:00:00.1+05:30', '2026-01-31t12:00:00.1+05:30'],
  ['time', '2024-02-29T23:59:59-23:59', '2024-02-29T23:59:59-23:59'],
  ['time', '2000-02-29T00:00:00z', '2000-02-29T00:00:00z'],
  ['time', '2016-12-31T23:59:60Z', '2016-12-31T23:59:60Z'],
  ['time', '2017-01-01T05:29:60+05:30', '2017-01-01T05:29:60+05:30'],
  ['time', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['datacontenttype', 'application/json; charset=UTF-8', 'application/json; charset=UTF-8'],
  ['datacontenttype', 'application/vnd.example.v1+json', 'application/vnd.example.v1+json'],
  ['dataschema', 'https://example.com/schema#v1', 'https://example.com/schema#v1'],
  ['dataschema', 'urn:x:y', 'urn:x:y'],
  ['flag', true, 'true'],
  ['flag', false, 'false'],
  ['count', 5, '5'],
  ['count', -0, '0'],
  ['count', 2_147_483_647, '2147483647'],
  ['count', -2_147_483_648, '-2147483648'],
  ['empty', '', ''],
  ['constructor', 'x', 'x'],
  ['bytes', new Uint8Array([1, 2, 255]), 'AQL/'],
  ['bytes', Buffer.from('a'), 'YQ=='],
  ['bytes', new ArrayBuffer(1), 'AA=='],
  ['link', new URL('http://a/b'), 'http://a/b'],
  ['when', new Date(1), '1970-01-01T00:00:00.001Z'],
  ['opcuametadatamajorversion', '1', '1'],
  ['expirytime', '2030-01-01T00:00:00Z', '2030-01-01T00:00:00Z'],
]

/** Attribute, value. */
const REFUSED: readonly [string, unknown][] = [
  ['id', ''],
  ['id', undefined],
  ['id', null],
  ['id', 5],
  ['id', 'a\nb'],
  ['id', 'a\u0085b'],
  ['id', 'a\u007fb'],
  ['id', `a${surrogate}`],
  ['id', 'a\ufffe'],
  ['id', 'a\ufdd0'],
  ['id', 'a\u{1ffff}'],
  ['source', ''],
  ['source', undefined],
  ['source', 'a b'],
  ['source', '/größe'],
  ['source', 'a%2'],
  ['source', 'a%zz'],
  ['source', '1a:b'],
  ['source', 'http://[::1'],
  ['source', 'a#b#c'],
  ['source', 'a\\b'],
  ['source', {}],
  ['type', ''],
  ['type', new Date(0)],
  ['subject', ''],
  ['subject', 7],
  ['specversion', '0.3'],
  ['specversion', '1.0.2'],
  ['specversion', ''],
  ['specversion', 1],
  ['time', ''],
  ['time', '2026-01-31'],
  ['time', '2026-01-31 12:00:00Z'],
  ['time', '2026-01-31T12:00:00'],
  ['time', '2026-01-31T12:00:00.Z'],
  ['time', '2026-01-31T24:00:00Z'],
  ['time', '2026-01-31T12:60:00Z'],
  ['time', '2026-13-01T12:00:00Z'],
  ['time', '2026-00-01T12:00:00Z'],
  ['time', '2026-04-31T12:00:00Z'],
  ['time', '2026-04-00T12:00:00Z'],
  ['time', '2023-02-29T12:00:00Z'],
  ['time', '1900-02-29T12:00:00Z'],
  ['time', '2026-01-31T12:00:60Z'],
  ['time', '2016-12-30T23:59:60Z'],
  ['time', '2026-01-31T12:00:00+24:00'],
  ['time', '2026-01-31T12:00:00+0530'],
  ['time', '2026-01-31T12:00:00Zx'],
  ['time', '+02026-01-31T12:00:00Z'],
  ['time', new Date(Number.NaN)],
  ['time', new Date(8.64e15)],
  ['time', 0],
  ['datacontenttype', ''],
  ['datacontenttype', 'json'],
  ['datacontenttype', 'text/plain\n'],
  ['datacontenttype', 'application/'],
  ['dataschema', ''],
  ['dataschema', '/relative'],
  ['dataschema', 'https://example.com/%zz'],
  ['expirytime', 'tomorrow'],
  ['recordedtime', '2026-02-30T00:00:00Z'],
  ['Upper', 'x'],
  ['with-dash', 'x'],
  ['with_underscore', 'x'],
  ['ünicode', 'x'],
  ['count', 1.5],
  ['count', 2_147_483_648],
  ['count', -2_147_483_649],
  ['count', Number.NaN],
  ['big', 1n],
  ['list', ['a']],
  ['object', { a: 1 }],
  ['symbol', Symbol('x')],
  ['call', () => 1],
  ['text', 'a\u0000'],
  ['when', new Date(Number.NaN)],
]

describe('attribute rules', () => {
  it.each(ACCEPTED)('accepts %s = %o', (name, value, canonical) => {
    const envelope = encodeEvent({ ...MINIMAL, [name]: value })
    expect(envelope.attributes[name]).toBe(canonical)
    expect(validateAttributes(envelope.attributes)).toEqual([])
    expect(decodeEvent(envelope)[name]).toBe(canonical)
  })

  it.each(REFUSED)('refuses %s = %o with the field and a remedy', (name, value) => {
    const error = failure(() => encodeEvent({ ...MINIMAL, [name]: value } as CloudEventInput))
    expect(error.code).toBe('INVALID_EVENT')
    expect(error.issues.map(issue => issue.field)).toEqual([name])
    expect(error.issues[0]?.remedy).toBeTruthy()
  })

  const strings = REFUSED.filter((row): row is [string, string] => typeof row[1] === 'string')
  it.each(strings)('finds %s = %o in what was read from a wire', (name, value) => {
    const attributes = { specversion: '1.0', ...MINIMAL, [name]: value }
    expect(validateAttributes(attributes).map(issue => issue.field)).toEqual([name])
  })

  it('takes null and undefined as unset', () => {
    const { attributes } = encodeEvent({
      ...MINIMAL,
      subject: null,
      time: undefined,
      extra: null,
      other: undefined,
    } as unknown as CloudEventInput)
    expect(attributes).toEqual({ specversion: '1.0', id: '1', source: '/s', type: 't' })
  })

  it('reports all findings in one error', () => {
    expect(fieldsOf({ source: 'a b', type: '', 'x-y': '1', data: 1n })).toEqual([
      'id',
      'source',
      'type',
      'x-y',
      'data',
    ])
  })

  it.each([null, undefined, 'text', 5, [], () => 1])('refuses %o as an event', value => {
    const error = failure(() => encodeEvent(value as unknown as CloudEventInput))
    expect([error.code, error.field]).toEqual(['INVALID_EVENT', 'event'])
  })

  it('reports what is missing from attributes read from a wire', () => {
    expect(validateAttributes({}).map(issue => issue.field)).toEqual(['specversion', 'id', 'source', 'type'])
  })

  it('forbids data as the name of an attribute on a wire', () => {
    const attributes = { specversion: '1.0', ...MINIMAL, data: 'x' }
    expect(validateAttributes(attributes)).toMatchObject([{ field: 'data' }])
  })

  it('quotes long values in part', () => {
    const error = failure(() => encodeEvent({ ...MINIMAL, source: ` ${'x'.repeat(100_000)}` }))
    expect(error.message.length).toBeLessThan(400)
  })

  it('checks long URIs in linear time', () => {
    const started = performance.now()
    for (const tail of [' ', '@'.repeat(50_000), '%'.repeat(9), `?${'a'.repeat(50_000)} `]) {
      validateAttributes({ specversion: '1.0', ...MINIMAL, source: `http://${'a:'.repeat(100_000)}${tail}` })
    }
    expect(performance.now() - started).toBeLessThan(1000)
  })

  it('ignores inherited members', () => {
    const event = Object.assign(Object.create({ inherited: 'x' }), MINIMAL)
    expect(encodeEvent(event).attributes).not.toHaveProperty('inherited')
  })
})
