import { type Envelope, type ForeignHeader, META, type Outgoing, type RawMessage } from '@busbar/core/adapter'
import { natsBinding, percentEncode } from '@busbar/core/cloudevents'
import { textHeader } from './header-values.ts'
import { encodeHeaders } from './headers.ts'

/** A message ready for the driver. */
export interface WireMessage {
  readonly headers: Uint8Array
  readonly body: Uint8Array
  /** As the server's `max_payload` counts it. */
  readonly size: number
}

export type ContentMode = 'binary' | 'structured'

const EMPTY = new Uint8Array(0)

/** @throws BusError INVALID_EVENT or RESERVED_HEADER */
export function wireMessage(message: Outgoing, mode: ContentMode): WireMessage {
  const { headers, body } = natsBinding.write(asText(message.envelope), mode)
  const own: ForeignHeader[] = []
  const { to, key, dedupeId, notBefore, requestId } = message
  if (dedupeId !== undefined && (to.kind === 'topic' || to.kind === 'inbox'))
    own.push(['Nats-Msg-Id', dedupeId])
  if (key !== undefined) own.push([META.key, percentEncode(key)])
  if (notBefore !== undefined) own.push([META.notBefore, String(notBefore)])
  if (requestId !== undefined) own.push([META.requestId, percentEncode(requestId)])
  // A group of several topics has one inbox: the message tells where it came from.
  if (to.kind === 'inbox') own.push([META.topic, to.topic])
  return packed(encodeHeaders(headers, own), body)
}

/** For each header's prefix, colon and line break, and for those that say where a message goes. */
const PER_LINE = 16
const ADDRESS = 512
/** Characters of a header for one of a value: `%E2%82%AC`. */
const ENCODED = 9
/** Characters of a structured document for one byte of data: `\\u0000`. */
const ESCAPED = 6

/**
 * The bytes of one message as the server's `max_payload` counts them: roughly, as long as it cannot be near `limit`. To count them
 * costs as much as to encode it.
 */
export function sizeOf(message: Outgoing, mode: ContentMode, limit: number): number {
  const { attributes, meta, headers, body } = message.envelope
  const { key = '', requestId = '', replyTo = '' } = message
  let text = key.length + requestId.length + replyTo.length
  for (const name in attributes) text += name.length + (attributes[name] ?? '').length + PER_LINE
  for (const name in meta) text += name.length + (meta[name] ?? '').length + PER_LINE
  for (const [name, value] of headers) text += name.length + value.length + PER_LINE
  const data = body?.length ?? 0
  const most = ADDRESS + text * ENCODED + data * (mode === 'structured' ? ESCAPED : 1)
  return most > limit ? wireMessage(message, mode).size : text + data
}

/** A dead letter: the event with the failure's metadata, or the raw message beside it when there is no event. */
export function deadMessage(
  source: { readonly envelope: Envelope | null; readonly raw?: RawMessage },
  meta: Readonly<Record<string, string>>,
  messageId: string,
  mode: ContentMode,
): WireMessage {
  const own: ForeignHeader[] = [['Nats-Msg-Id', messageId]]
  if (source.envelope !== null) {
    const { headers, body } = natsBinding.write(asText({ ...source.envelope, meta }), mode)
    return packed(encodeHeaders(headers, own), body)
  }
  const { raw } = source
  for (const name of Object.keys(meta)) own.push([name, percentEncode(meta[name] ?? '')])
  if (raw?.contentType !== undefined) own.push(['Content-Type', raw.contentType])
  return packed(encodeHeaders((raw?.headers ?? []).map(textHeader), own), raw?.body ?? null)
}

function packed(headers: Uint8Array, body: Uint8Array | null): WireMessage {
  const data = body ?? EMPTY
  return { headers, body: data, size: headers.length + data.length }
}

const asText = (envelope: Envelope): Envelope =>
  envelope.headers.length === 0 ? envelope : { ...envelope, headers: envelope.headers.map(textHeader) }
