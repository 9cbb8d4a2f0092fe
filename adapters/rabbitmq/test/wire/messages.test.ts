import { META } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { decode, redeliveriesOf, withoutTransport } from '../../src/wire/decode.ts'
import { assertHeadersFit, encode, encodeRaw } from '../../src/wire/encode.ts'

const envelope = {
  attributes: { specversion: '1.0', id: '1', source: '/s', type: 't', datacontenttype: 'application/json' },
  body: Buffer.from('{"a":1}'),
  meta: {},
  headers: [],
}

const read = (wire: ReturnType<typeof encode>) =>
  decode({ content: wire.body, properties: { headers: { ...wire.headers }, contentType: wire.contentType } })

describe('messages', () => {
  it.each(['binary', 'structured'] as const)('come back as they went in %s mode', mode => {
    const decoded = read(encode(envelope, mode, { key: 'k', requestId: 'r', marks: 1, notBefore: 5 }))
    expect(decoded.meta).toMatchObject({
      [META.key]: 'k',
      [META.requestId]: 'r',
      [META.marks]: '1',
      [META.notBefore]: '5',
    })
    const { attributes, body, meta } = withoutTransport(
      decoded.envelope as NonNullable<typeof decoded.envelope>,
    )
    expect(attributes).toEqual(envelope.attributes)
    expect(Buffer.from(body ?? [])).toEqual(envelope.body)
    expect(meta).toEqual({})
  })

  it('whose data is an event travel structured, so that no reader takes the data for the message', () => {
    const nested = {
      ...envelope,
      attributes: { ...envelope.attributes, datacontenttype: 'application/cloudevents+json' },
    }
    const decoded = read(encode(nested, 'binary', {}))
    expect(decoded.envelope?.attributes.id).toBe('1')
    expect(decoded.envelope?.attributes.datacontenttype).toBe('application/cloudevents+json')
  })

  it('that are no events keep bytes, headers and content type through a dead letter', () => {
    const raw = {
      body: Buffer.from('nonsense'),
      headers: [['x-tenant', 'acme'] as const],
      contentType: 'text/plain',
    }
    const decoded = read(encodeRaw(raw, { [META.reason]: 'undecodable' }, {}))
    expect(decoded.envelope).toBeNull()
    expect(decoded.raw).toEqual(raw)
    expect(decoded.meta).toEqual({ [META.reason]: 'undecodable' })
  })

  it('without what an event must have are no events', () => {
    const decoded = decode({
      content: Buffer.from('{"hello":"world"}'),
      properties: { contentType: 'application/cloudevents+json' },
    })
    expect(decoded.envelope).toBeNull()
  })

  it('leave room in the headers for what a dead letter says', () => {
    const big = { ...envelope, headers: [['x', 'y'.repeat(60_000)] as const] }
    expect(() => assertHeadersFit(encode(big, 'binary', {}))).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }),
    )
    assertHeadersFit(encode(envelope, 'binary', {}))
  })
})

describe('redeliveries', () => {
  it('are the broker’s count, or its word that there was one', () => {
    expect(redeliveriesOf(undefined, false)).toBe(0)
    expect(redeliveriesOf(undefined, true)).toBe(1)
    expect(redeliveriesOf({ 'x-delivery-count': 3 }, true)).toBe(3)
    // From 4.3 on a nack raises this one only.
    expect(redeliveriesOf({ 'x-delivery-count': 1, 'x-acquired-count': 4 }, true)).toBe(4)
  })

  it('of a copy begin where its original’s ended', () => {
    expect(redeliveriesOf({ 'x-busbar-redeliveries': 2, 'x-delivery-count': 1 }, true)).toBe(3)
    expect(redeliveriesOf({ 'x-busbar-redeliveries': 'many' }, false)).toBe(0)
  })
})
