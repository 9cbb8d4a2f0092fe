import { type Envelope, type ForeignHeader, isBusError, META, type RawMessage } from '@busbar/core/adapter'
import { natsBinding, percentDecodeLenient } from '@busbar/core/cloudevents'

import { isCarried, originalHeader } from './header-values.ts'

/** What one message says, an event or not. */
export interface Decoded {
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  readonly decodeError?: unknown
  /** All of Busbar's metadata that it carries. */
  readonly meta: Readonly<Record<string, string>>
}

/** Written by this adapter for itself: they are fields of a delivery, not metadata of the event. */
const TRANSPORT: ReadonlySet<string> = new Set([
  META.key,
  META.notBefore,
  META.requestId,
  META.replyTo,
  META.marks,
])

/** Reads either content mode. Never throws for what a stranger may have sent. */
export function decodeMessage(headers: readonly ForeignHeader[], body: Uint8Array): Decoded {
  try {
    const original = headers.some(isCarried) ? headers.map(originalHeader) : headers
    const envelope = natsBinding.read({ headers: original, body })
    const { meta } = envelope
    const own = withoutTransport(meta)
    return { envelope: own === meta ? envelope : { ...envelope, meta: own }, meta }
  } catch (decodeError) {
    if (!isBusError(decodeError)) throw decodeError
    return { envelope: null, raw: rawMessage(headers, body), decodeError, meta: metaOf(headers) }
  }
}

/** The same object, when there is nothing to leave out. */
function withoutTransport(meta: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = Object.keys(meta)
  if (!names.some(name => TRANSPORT.has(name))) return meta
  const own: Record<string, string> = {}
  for (const name of names) if (!TRANSPORT.has(name)) own[name] = meta[name] as string
  return own
}

function rawMessage(headers: readonly ForeignHeader[], body: Uint8Array): RawMessage {
  const kept: ForeignHeader[] = []
  let contentType: string | undefined
  for (const header of headers) {
    const name = header[0].toLowerCase()
    if (name === 'content-type' && contentType === undefined) contentType = String(header[1])
    else if (!META_NAMES.has(name)) kept.push(originalHeader(header))
  }
  return { body, headers: kept, ...(contentType === undefined ? {} : { contentType }) }
}

const META_NAMES: ReadonlySet<string> = new Set(Object.values(META))

function metaOf(headers: readonly ForeignHeader[]): Record<string, string> {
  const meta: Record<string, string> = {}
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (META_NAMES.has(key)) meta[key] = percentDecodeLenient(String(value)) ?? String(value)
  }
  return meta
}

/** A number that a stranger may have written; anything that is not a count is none. */
export const countOf = (text: string | undefined): number =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0

/** Milliseconds since the epoch, or undefined. */
export const timeOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
