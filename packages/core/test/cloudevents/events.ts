import fc from 'fast-check'
import type { ForeignHeader } from '../../src/adapter/envelope.ts'
import type { CloudEvent } from '../../src/cloudevents/index.ts'

/** Any character an attribute may have: no controls, no surrogates on their own, no noncharacters. */
const attributeText = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .map(text => text.replace(/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/gu, '_'))

const extensionName = fc
  .stringMatching(/^[a-z0-9]{1,24}$/)
  .filter(
    name =>
      !/^(?:data|time|id|source|type|subject|specversion|dataschema|datacontenttype|\w*time)$/.test(name),
  )

const json = fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as unknown)
const bytes = fc.uint8Array({ maxLength: 40 })
const text = fc.string({ unit: 'grapheme', maxLength: 40 })

/** A content type and data that go together; `{}` for an event without data. */
const data = fc.oneof(
  fc.constant({}),
  fc.record({ datacontenttype: fc.constantFrom('application/json', 'text/plain', 'image/png') }),
  fc.record({ data: fc.oneof(json, bytes, text) }),
  fc.record({
    datacontenttype: fc.constantFrom('application/json', 'APPLICATION/vnd.x+json; charset=utf-8'),
    data: fc.oneof(json, bytes, text),
  }),
  fc.record({
    datacontenttype: fc.constantFrom(
      'text/plain',
      'application/xml',
      'application/octet-stream',
      'image/png',
    ),
    data: fc.oneof(text, bytes, fc.constant(null)),
  }),
)

/** Valid events whose attributes are canonical strings already: what goes in is exactly what has to come out. */
export const canonicalEvent: fc.Arbitrary<CloudEvent> = fc
  .tuple(
    fc.record(
      {
        id: attributeText,
        type: attributeText,
        source: fc.constantFrom('/orders', 'https://example.com/a?b=%20#c', 'urn:x:y'),
        subject: attributeText,
        time: fc.constantFrom('2026-01-31T12:00:00.123456789Z', '2024-02-29T00:00:00+05:30'),
        dataschema: fc.constantFrom('https://example.com/s', 'urn:s'),
      },
      { requiredKeys: ['id', 'type', 'source'] },
    ),
    fc.dictionary(extensionName, attributeText, { maxKeys: 4 }),
    data,
  )
  .map(([context, extensions, part]) => ({ specversion: '1.0', ...extensions, ...context, ...part }))

/** Foreign headers of text, repeated ones among them. */
export const textHeaders: fc.Arbitrary<ForeignHeader[]> = fc.array(
  fc.tuple(fc.constantFrom('x-tenant', 'X-Other', 'plain', 'trace%20'), fc.stringMatching(/^[ -~]{0,20}$/)),
  { maxLength: 4 },
)
