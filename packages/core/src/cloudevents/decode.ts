import { type Envelope, META } from '../adapter/envelope.ts'
import { BusError } from '../errors/bus-error.ts'
import { type DataKind, defaultKind } from './content-type.ts'
import type { CloudEvent } from './event.ts'
import { ParsedEnvelope } from './parsed-envelope.ts'
import { utf8Text } from './utf8.ts'

/** How the data of `envelope` is to be read: as its metadata says, else as its content type implies. */
export function dataKind(envelope: Envelope): DataKind {
  const told = envelope.meta[META.data]
  if (told === 'json' || told === 'text' || told === 'binary') return told
  return defaultKind(envelope.attributes.datacontenttype)
}

/**
 * The event in an envelope: a new plain object, attributes as canonical strings, data decoded. Without data it has
 * no `data` property. Attributes are not validated again.
 *
 * @throws BusError `DECODE_FAILED` when the data is not what it says it is.
 */
export function decodeEvent(envelope: Envelope): CloudEvent {
  // Spread copies own properties as such, `__proto__` included, so nothing a sender names reaches a prototype.
  const event = { ...envelope.attributes } as CloudEvent
  const data = decodeData(envelope)
  if (data !== undefined) event.data = data
  return event
}

/**
 * The data of an envelope: a JSON value, a string, or bytes (a copy, so that a handler that changes them cannot
 * change a retry or a dead letter). `undefined` when there is none; an empty body under a JSON content type counts
 * as none, since empty text is no JSON value and some senders have no other way to say it.
 *
 * @throws BusError `DECODE_FAILED` for text that is not UTF-8 and for JSON that does not parse.
 */
export function decodeData(envelope: Envelope): unknown {
  const { body } = envelope
  if (body === null) return undefined
  if (envelope instanceof ParsedEnvelope) {
    const value = envelope.takeValue()
    if (value !== undefined) return value
  }
  const kind = dataKind(envelope)
  if (kind === 'binary') return new Uint8Array(body)
  const text = utf8Text(body)
  if (text === undefined) {
    throw new BusError('DECODE_FAILED', `data: is not UTF-8, as ${described(envelope)} has to be`, {
      field: 'data',
      remedy: 'let the sender encode it as UTF-8, or give it a binary content type',
    })
  }
  if (kind === 'text') return text
  return text === '' ? undefined : parseJson(text, envelope)
}

function parseJson(text: string, envelope: Envelope): unknown {
  try {
    // RFC 8259 section 8.1 lets a reader ignore a byte order mark.
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BusError('DECODE_FAILED', `data: is not JSON, as ${described(envelope)} has to be: ${reason}`, {
      field: 'data',
      remedy: 'let the sender write JSON, or set datacontenttype to what it is',
      cause,
    })
  }
}

function described(envelope: Envelope): string {
  return envelope.attributes.datacontenttype ?? 'an event without datacontenttype'
}
