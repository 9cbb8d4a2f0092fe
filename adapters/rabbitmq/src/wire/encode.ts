import { BusError, type Envelope, META, type Outgoing, type RawMessage } from '@busbar/core/adapter'
import { contentMode, rabbitmqBinding } from '@busbar/core/cloudevents'
import { addForeign, type HeaderTable, REDELIVERIES } from './headers.ts'

/** A message in the driver's parts. */
export interface WireMessage {
  readonly headers: HeaderTable
  readonly contentType: string | undefined
  readonly body: Buffer
}

export type Mode = 'binary' | 'structured'

/** What an adapter writes beside the envelope's own metadata. */
export interface Transport {
  readonly key?: string | undefined
  readonly notBefore?: number | undefined
  readonly requestId?: string | undefined
  readonly marks?: number | undefined
  readonly redeliveries?: number | undefined
}

/**
 * RabbitMQ's frames hold 128 KiB and the driver's buffer 64 KiB of headers; a dead letter adds up to 8 KiB about its failure to
 * what was published.
 */
const MOST_HEADER_BYTES = 52 * 1024

/** @throws BusError RESERVED_HEADER, INVALID_EVENT or PAYLOAD_TOO_LARGE. */
export function encode(envelope: Envelope, mode: Mode, transport: Transport): WireMessage {
  // Data that is an event itself would make a reader take the message for a structured one.
  const safe = contentMode(envelope.attributes.datacontenttype) === 'binary' ? mode : 'structured'
  const { headers, contentType, body } = rabbitmqBinding.write(envelope, safe)
  const table: HeaderTable = Object.create(null)
  const own = headers.length - envelope.headers.length
  for (let i = 0; i < own; i++) {
    const [name, value] = headers[i] as (typeof headers)[number]
    table[name] = value
  }
  return finish(table, envelope.headers, transport, contentType, body)
}

/** A message that could not be decoded: its bytes and headers as they were, `meta` beside them. */
export function encodeRaw(
  raw: RawMessage,
  meta: Readonly<Record<string, string>>,
  transport: Transport,
): WireMessage {
  return finish(Object.assign(Object.create(null), meta), raw.headers, transport, raw.contentType, raw.body)
}

function finish(
  table: HeaderTable,
  foreign: Envelope['headers'],
  transport: Transport,
  contentType: string | undefined,
  body: Uint8Array | null,
): WireMessage {
  if (foreign.length > 0) addForeign(table, foreign)
  const { key, notBefore, requestId, marks, redeliveries } = transport
  if (key !== undefined) table[META.key] = key
  if (notBefore !== undefined) table[META.notBefore] = String(notBefore)
  if (requestId !== undefined) table[META.requestId] = requestId
  if (marks !== undefined && marks > 0) table[META.marks] = String(marks)
  if (redeliveries !== undefined && redeliveries > 0) table[REDELIVERIES] = redeliveries
  return { headers: table, contentType, body: asBuffer(body) }
}

const EMPTY = Buffer.alloc(0)

function asBuffer(body: Uint8Array | null): Buffer {
  if (body === null) return EMPTY
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

/** @throws BusError PAYLOAD_TOO_LARGE when the headers leave no room for what a dead letter says. */
export function assertHeadersFit({ headers }: WireMessage): void {
  let bytes = 0
  for (const name in headers) bytes += name.length + 5 + sizeOfValue(headers[name])
  if (bytes <= MOST_HEADER_BYTES) return
  throw new BusError(
    'PAYLOAD_TOO_LARGE',
    `attributes and headers have ${bytes} bytes, and RabbitMQ takes ${MOST_HEADER_BYTES}`,
    {
      field: 'headers',
      remedy: 'put large values into the data',
    },
  )
}

function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return value.length < 1_000 ? value.length : Buffer.byteLength(value)
  if (value instanceof Uint8Array) return value.length
  return Array.isArray(value) ? value.reduce<number>((sum, each) => sum + 5 + sizeOfValue(each), 0) : 9
}

/** The broker limits the body alone; headers count here too, so that a batch's bytes are what is sent. */
export function sizeOf({ envelope }: Outgoing, mode: Mode): number {
  const data = envelope.body?.length ?? 0
  // A structured message may have its data in base64.
  let bytes = mode === 'structured' ? Math.ceil(data / 3) * 4 + 64 : data
  for (const name in envelope.attributes)
    bytes += name.length + (envelope.attributes[name] as string).length + 17
  for (const name in envelope.meta) bytes += name.length + (envelope.meta[name] as string).length + 5
  for (const [name, value] of envelope.headers) bytes += name.length + value.length + 5
  return bytes
}
