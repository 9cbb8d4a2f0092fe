import { Buffer } from 'node:buffer'
import { type Envelope, META } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import { alterMessages } from '../wrap/broker.ts'
import { alterAttributes, alterEnvelopes, alterReceived } from '../wrap/envelope.ts'

const json = (text: string) => new TextEncoder().encode(text)
const textOf = (body: Uint8Array | null) => (body === null ? '' : Buffer.from(body).toString('utf8'))

function reformatted({ body, attributes }: Envelope): Partial<Envelope> {
  if (body === null || !(attributes.datacontenttype ?? 'application/json').includes('json')) return {}
  try {
    return { body: json(JSON.stringify(JSON.parse(textOf(body)))) }
  } catch {
    return {}
  }
}

export const envelopeMutants: readonly Mutant[] = [
  {
    id: 'json-reformatted',
    bug: 'a JSON body is parsed and written anew, which rounds integers beyond 2^53',
    seen: 'dapr/components-contrib#3837',
    adapter: adapter => alterEnvelopes(adapter, reformatted),
  },
  {
    id: 'null-data-absent',
    bug: 'data that is null arrives as no data',
    adapter: adapter =>
      alterEnvelopes(adapter, ({ body }) => (textOf(body) === 'null' ? { body: null } : {})),
  },
  {
    id: 'absent-data-null',
    bug: 'an event without data arrives with null',
    adapter: adapter => alterEnvelopes(adapter, ({ body }) => (body === null ? { body: json('null') } : {})),
  },
  {
    id: 'empty-body-absent',
    bug: 'empty data arrives as no data',
    adapter: adapter => alterEnvelopes(adapter, ({ body }) => (body?.length === 0 ? { body: null } : {})),
  },
  {
    id: 'body-as-text',
    bug: 'a binary body passes through UTF-8 text',
    seen: 'Redis replies decoded as strings',
    adapter: adapter =>
      alterEnvelopes(adapter, ({ body }) => (body === null ? {} : { body: json(textOf(body)) })),
  },
  {
    id: 'data-kind-lost',
    bug: 'how data was passed is not carried: bytes labelled as JSON come back parsed',
    adapter: adapter =>
      alterEnvelopes(adapter, ({ meta }) => ({
        meta: Object.fromEntries(Object.entries(meta).filter(([name]) => name !== META.data)),
      })),
  },
  {
    id: 'content-type-dropped',
    bug: 'datacontenttype is not carried',
    adapter: adapter =>
      alterAttributes(adapter, (value, name) => (name === 'datacontenttype' ? undefined : value)),
  },
  {
    id: 'attributes-latin1',
    bug: 'attribute values pass through Latin-1',
    adapter: adapter => alterAttributes(adapter, value => Buffer.from(value, 'latin1').toString('latin1')),
  },
  {
    id: 'attributes-percent-decoded',
    bug: 'a percent sign in an attribute is decoded although nothing encoded it',
    adapter: adapter =>
      alterAttributes(adapter, value =>
        value.replaceAll(/%[0-9A-Fa-f]{2}/g, code => decodeURIComponent(code)),
      ),
  },
  {
    id: 'attributes-trimmed',
    bug: 'attribute values lose leading and trailing spaces',
    adapter: adapter => alterAttributes(adapter, value => value.trim()),
  },
  {
    id: 'extensions-as-numbers',
    bug: 'an extension that looks like a number becomes one: 007 arrives as 7',
    adapter: adapter =>
      alterAttributes(adapter, (value, name) =>
        /^\d+$/.test(value) && !CONTEXT.has(name) ? String(Number(value)) : value,
      ),
  },
  {
    id: 'extensions-dropped',
    bug: 'extension attributes are not carried',
    adapter: adapter => alterAttributes(adapter, (value, name) => (CONTEXT.has(name) ? value : undefined)),
  },
  {
    id: 'trace-context-dropped',
    bug: 'traceparent and tracestate are not carried',
    adapter: adapter =>
      alterAttributes(adapter, (value, name) => (name.startsWith('trace') ? undefined : value)),
  },
  {
    id: 'trace-context-lost-on-retry',
    bug: 'traceparent is gone after the first failure',
    adapter: adapter =>
      alterReceived(adapter, ({ attributes }, failures) => ({
        attributes: Object.fromEntries(
          Object.entries(attributes).filter(([name]) => failures === 0 || !name.startsWith('trace')),
        ),
      })),
  },
  {
    id: 'time-in-milliseconds',
    bug: 'time is parsed and written anew, which cuts it to milliseconds and to UTC',
    adapter: adapter =>
      alterAttributes(adapter, (value, name) => (name === 'time' ? new Date(value).toISOString() : value)),
  },
  {
    id: 'subject-dropped',
    bug: 'subject is not carried',
    adapter: adapter => alterAttributes(adapter, (value, name) => (name === 'subject' ? undefined : value)),
  },
  {
    id: 'dataschema-dropped',
    bug: 'dataschema is not carried',
    adapter: adapter =>
      alterAttributes(adapter, (value, name) => (name === 'dataschema' ? undefined : value)),
  },
  {
    id: 'source-normalised',
    bug: 'source is made lower-case',
    adapter: adapter =>
      alterAttributes(adapter, (value, name) => (name === 'source' ? value.toLowerCase() : value)),
  },
  {
    id: 'headers-dropped',
    bug: 'foreign headers are not carried',
    adapter: adapter => alterEnvelopes(adapter, () => ({ headers: [] })),
  },
  {
    id: 'headers-reordered',
    bug: 'foreign headers come in another order',
    adapter: adapter => alterEnvelopes(adapter, ({ headers }) => ({ headers: headers.toReversed() })),
  },
  {
    id: 'headers-merged',
    bug: 'of a repeated header only the last is carried',
    adapter: adapter => alterEnvelopes(adapter, ({ headers }) => ({ headers: [...new Map(headers)] })),
  },
  {
    id: 'headers-lower-cased',
    bug: 'names of foreign headers are made lower-case',
    adapter: adapter =>
      alterEnvelopes(adapter, ({ headers }) => ({
        headers: headers.map(([name, value]) => [name.toLowerCase(), value] as const),
      })),
  },
  {
    id: 'headers-as-text',
    bug: 'a header of bytes arrives as text',
    adapter: adapter =>
      alterEnvelopes(adapter, ({ headers }) => ({
        headers: headers.map(
          ([name, value]) =>
            [name, typeof value === 'string' ? value : Buffer.from(value).toString('utf8')] as const,
        ),
      })),
  },
  {
    id: 'headers-above-ten-dropped',
    bug: 'more than ten headers are not carried',
    seen: 'SNS raw delivery',
    adapter: adapter => alterEnvelopes(adapter, ({ headers }) => ({ headers: headers.slice(0, 10) })),
  },
  {
    id: 'headers-lost-on-retry',
    bug: 'foreign headers are gone after the first failure',
    adapter: adapter => alterReceived(adapter, (_, failures) => (failures > 0 ? { headers: [] } : {})),
  },
  {
    id: 'headers-grow-on-retry',
    bug: 'every failure adds a header',
    seen: 'smallrye/smallrye-reactive-messaging#2979',
    adapter: adapter =>
      alterReceived(adapter, ({ headers }, failures) => ({
        headers: [
          ...headers,
          ...Array.from({ length: failures }, (_, at) => ['x-failure', String(at)] as const),
        ],
      })),
  },
  {
    id: 'key-lost',
    bug: 'the key is not carried',
    adapter: adapter => alterMessages(adapter, ({ key: _, ...message }) => message),
  },
]

const CONTEXT: ReadonlySet<string> = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'subject',
  'time',
  'datacontenttype',
  'dataschema',
])
