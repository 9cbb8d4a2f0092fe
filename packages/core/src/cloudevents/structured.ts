import { Buffer, isUtf8 } from 'node:buffer'
import type { Envelope } from '../adapter/envelope.ts'
import { dataKind } from './decode.ts'
import { markLength, readDocument } from './json-document.ts'
import { expectEnd, skipSpace, valueEnd } from './json-scanner.ts'
import { parseEvent } from './structured-event.ts'
import { asBuffer, utf8Text } from './utf8.ts'
import { assertValidEnvelope } from './validate.ts'

/**
 * An event as one JSON document (`application/cloudevents+json`). JSON data goes in as it was written, text as a
 * string, bytes as `data_base64`; so does data whose bytes are not what its content type says, so that a message
 * that nobody can decode still survives a retry or a dead-letter queue byte for byte. Metadata and headers are not
 * part of the document.
 */
export function encodeStructured(envelope: Envelope): Uint8Array {
  const { attributes, body } = envelope
  if (body === null) return Buffer.from(JSON.stringify(attributes), 'utf8')
  const open = JSON.stringify(attributes).slice(0, -1)
  const separator = open.length > 1 ? ',' : ''
  switch (dataKind(envelope)) {
    case 'json': {
      const json = jsonBytes(body)
      if (json === undefined) break
      if (json.length === 0) return Buffer.from(`${open}}`, 'utf8')
      return spliced(`${open}${separator}"data":`, json)
    }
    case 'text': {
      const text = utf8Text(body)
      if (text === undefined) break
      return Buffer.from(`${open}${separator}"data":${JSON.stringify(text)}}`, 'utf8')
    }
  }
  return Buffer.from(`${open}${separator}"data_base64":"${asBuffer(body).toString('base64')}"}`, 'utf8')
}

/**
 * Reads one JSON document. `data` is cut out as it was written, not parsed: its errors show when it is decoded.
 * Typed attribute values become canonical strings, `null` attributes are unset. The attributes are validated.
 *
 * @throws BusError `DECODE_FAILED` when it is no JSON object, an attribute breaks its rule, an attribute has a value of no attribute type, or
 * `data` and `data_base64` are both there.
 */
export function decodeStructured(bytes: Uint8Array): Envelope {
  const envelope = readDocument(bytes, parseEvent)
  assertValidEnvelope(envelope)
  return envelope
}

/**
 * `body` without a byte order mark, if it may stand inside a document. It has to be one balanced value, since
 * `1,"type":"forged"` would add attributes; what is wrong deeper inside stays inside, and shows when it is decoded.
 * Empty stays empty.
 */
function jsonBytes(body: Uint8Array): Uint8Array | undefined {
  if (body.length === 0) return body
  const buffer = asBuffer(body)
  if (!isUtf8(buffer)) return undefined
  const mark = markLength(buffer)
  try {
    expectEnd(buffer, valueEnd(buffer, skipSpace(buffer, mark)))
  } catch {
    return undefined
  }
  return mark === 0 ? body : body.subarray(mark)
}

function spliced(before: string, json: Uint8Array): Buffer {
  const length = Buffer.byteLength(before, 'utf8')
  const document = Buffer.allocUnsafe(length + json.length + 1)
  document.write(before, 0, 'utf8')
  document.set(json, length)
  document[length + json.length] = 0x7d // }
  return document
}
