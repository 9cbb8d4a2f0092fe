import type { Envelope, ForeignHeader, Outgoing } from '@busbar/core/adapter'
import { META } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { deliveryInfo } from '../src/wire/ack-subject.ts'
import { encodeHeaders, parseHeaders } from '../src/wire/headers.ts'
import { countOf, decodeMessage, timeOf } from '../src/wire/incoming.ts'
import { deadMessage, sizeOf, wireMessage } from '../src/wire/outgoing.ts'

const envelope = (headers: readonly ForeignHeader[] = []): Envelope => ({
  attributes: { specversion: '1.0', id: 'ä 1', source: '/s', type: 't', datacontenttype: 'text/plain' },
  body: new TextEncoder().encode('hello'),
  meta: { [META.failures]: '2' },
  headers,
})
const outgoing = (more: Partial<Outgoing> = {}): Outgoing => ({
  to: { kind: 'topic', topic: 'orders', partition: 0 },
  envelope: envelope(),
  ...more,
})
const read = (block: Uint8Array, body: Uint8Array) =>
  decodeMessage(parseHeaders(Buffer.from(block).toString()), body)

describe('messages on the wire', () => {
  it.each(['binary', 'structured'] as const)('come back as they went in %s mode', mode => {
    const headers: ForeignHeader[] = [
      ['x-a', '1'],
      ['x-b', ' two  '],
      ['x-a', 'Zürich'],
      ['x-lines', 'a\r\nNats-Rollup: all'],
      ['x-bytes', new Uint8Array([0, 255, 10])],
      ['x-looks-encoded', 'data:text/plain;charset=utf-8;base64,AA=='],
    ]
    const wire = wireMessage(outgoing({ envelope: envelope(headers), key: 'k y', notBefore: 5 }), mode)
    const { envelope: got, meta } = read(wire.headers, wire.body)
    expect(got?.attributes).toEqual(envelope().attributes)
    expect(got?.headers).toEqual(headers)
    expect(new TextDecoder().decode(got?.body ?? undefined)).toBe('hello')
    expect(got?.meta).toEqual({ [META.failures]: '2' })
    expect(meta).toMatchObject({ [META.key]: 'k y', [META.notBefore]: '5' })
    expect(wire.size).toBe(wire.headers.length + wire.body.length)
  })

  it('carry the deduplication id only where something is stored', () => {
    const text = (message: Outgoing) => Buffer.from(wireMessage(message, 'binary').headers).toString()
    expect(text(outgoing({ dedupeId: 'd1' }))).toContain('Nats-Msg-Id: d1\r\n')
    expect(text(outgoing({ dedupeId: 'd1', to: { kind: 'request', topic: 'orders' } }))).not.toContain(
      'Nats-Msg-Id',
    )
  })

  it.each([
    ['Nats-Rollup', 'RESERVED_HEADER'],
    ['nats-msg-id', 'RESERVED_HEADER'],
    ['a:b', 'INVALID_EVENT'],
    ['a\r\nb', 'INVALID_EVENT'],
  ])('refuse a header named %j', (name, code) => {
    expect(() => encodeHeaders([[name, 'x']])).toThrow(expect.objectContaining({ code }))
  })

  it('keep what is no event, byte for byte, through the dead-letter queue', () => {
    const raw = {
      body: new Uint8Array([1, 2, 255]),
      headers: [['x', 'y']] as ForeignHeader[],
      contentType: 'text/odd',
    }
    const wire = deadMessage(
      { envelope: null, raw },
      { [META.reason]: 'undecodable', [META.errorStack]: 'a\nb' },
      'id',
      'binary',
    )
    const got = read(wire.headers, wire.body)
    expect(got.envelope).toBeNull()
    expect(got.raw).toEqual(raw)
    expect(got.meta).toEqual({ [META.reason]: 'undecodable', [META.errorStack]: 'a\nb' })
    expect(got.decodeError).toMatchObject({ code: 'DECODE_FAILED' })
  })

  it.each([
    ['binary', { key: '€'.repeat(1_000) }],
    ['binary', { envelope: { ...envelope(), meta: { [META.errorMessage]: '€'.repeat(1_000) } } }],
    ['binary', { envelope: envelope([['x-lines', '\n'.repeat(1_000)]]) }],
    ['structured', { envelope: { ...envelope(), body: new Uint8Array(1_000) } }],
  ] as const)('are never taken for smaller than the limit when they are larger (%s, %j)', (mode, more) => {
    const message = outgoing(more)
    const { size } = wireMessage(message, mode)
    expect(sizeOf(message, mode, size - 1)).toBe(size)
    expect(sizeOf(message, mode, size)).toBeLessThanOrEqual(size)
    expect(sizeOf(message, mode, 2 ** 20)).toBeLessThanOrEqual(2 * size)
  })

  it('read nothing into numbers that strangers wrote', () => {
    expect([countOf('3'), countOf('-1'), countOf('1e3'), countOf(undefined)]).toEqual([3, 0, 0, 0])
    expect([timeOf('1700000000000'), timeOf('soon')]).toEqual([1_700_000_000_000, undefined])
  })

  it('tell count and sequence from either form of ack subject', () => {
    expect(deliveryInfo('$JS.ACK.S.C.3.17.21.1700.0')).toEqual({
      delivered: 3,
      streamSequence: 17,
      consumerSequence: 21,
    })
    expect(deliveryInfo('$JS.ACK.hub.ACC.S.C.3.17.21.1700.0.tok')).toEqual({
      delivered: 3,
      streamSequence: 17,
      consumerSequence: 21,
    })
  })
})
