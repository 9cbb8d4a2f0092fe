import { Buffer } from 'node:buffer'
import { type Envelope, META } from '../adapter/envelope.ts'
import { BusError } from '../errors/bus-error.ts'
import { isInt32 } from './attribute-value.ts'
import { setAttribute } from './attributes.ts'
import { type DataKind, defaultKind } from './content-type.ts'
import { base64Bytes } from './encode-data.ts'
import {
  type JsonDocument,
  jsonString,
  lastValue,
  type Parsed,
  plainString,
  rawText,
} from './json-document.ts'
import { scanObject, valueEnd } from './json-scanner.ts'
import { ParsedEnvelope } from './parsed-envelope.ts'
import { isWellFormed } from './unicode.ts'

/** Reads the event whose JSON object starts at `from`. Of repeated members the last counts, as in JSON.parse. */
export function parseEvent(document: JsonDocument, from: number): Parsed<Envelope> {
  const { bytes } = document
  const attributes: Record<string, string> = {}
  let dataStart = -1
  let dataEnd = -1
  let parsed: unknown
  let base64: string | undefined
  const end = scanObject(bytes, from, (keyStart, keyEnd, start) => {
    const key = plainString(document, keyStart, keyEnd)
    if (key === 'data') {
      const last = lastValue(document, start)
      dataStart = start
      dataEnd = last?.end ?? valueEnd(bytes, start)
      parsed = last?.value
      return dataEnd
    }
    const stop = valueEnd(bytes, start)
    const value = attributeValue(document, key, start, stop)
    if (key === 'data_base64') {
      if (value !== undefined && bytes[start] !== 0x22) throw invalid(key, 'is not a string')
      base64 = value
    } else if (value !== undefined) setAttribute(attributes, key, value)
    else delete attributes[key]
    return stop
  })
  if (base64 !== undefined) {
    if (dataStart !== -1) throw invalid('data', 'is there beside data_base64; an event has one of them')
    const body = base64Bytes(base64)
    if (body === undefined) throw invalid('data_base64', 'is not base64')
    return { value: envelopeOf(attributes, body, 'binary'), end }
  }
  if (dataStart === -1) return { value: envelopeOf(attributes, null, 'json'), end }
  return { value: withData(attributes, document, dataStart, dataEnd, parsed), end }
}

/** An attribute's canonical string; undefined for `null`, which means unset. */
function attributeValue(document: JsonDocument, key: string, start: number, end: number): string | undefined {
  switch (document.bytes[start]) {
    case 0x22: // "
      return plainString(document, start, end)
    case 0x6e: // n
      return undefined
    case 0x74: // t
      return 'true'
    case 0x66: // f
      return 'false'
    case 0x5b: // [
    case 0x7b: // {
      throw invalid(key, 'is not a value an attribute can have')
  }
  const raw = rawText(document, start, end)
  const number = Number(raw)
  if (!isInt32(number)) throw invalid(key, `${raw.slice(0, 40)} is not a 32-bit integer`)
  return String(number)
}

function withData(
  attributes: Record<string, string>,
  document: JsonDocument,
  start: number,
  end: number,
  parsed: unknown,
): Envelope {
  const { bytes } = document
  if (parsed !== undefined) {
    const meta = metaOf(attributes, 'json')
    return new ParsedEnvelope(attributes, bytes.subarray(start, end), meta, [], parsed)
  }
  if (bytes[start] === 0x22 && defaultKind(attributes.datacontenttype) !== 'json') {
    const value = jsonString(document, start, end)
    // An escaped lone surrogate has no UTF-8 form; such a string stays in JSON, which can write it.
    if (isWellFormed(value)) return envelopeOf(attributes, Buffer.from(value, 'utf8'), 'text')
  }
  return envelopeOf(attributes, bytes.subarray(start, end), 'json')
}

function envelopeOf(attributes: Record<string, string>, body: Uint8Array | null, kind: DataKind): Envelope {
  return { attributes, body, meta: body === null ? {} : metaOf(attributes, kind), headers: [] }
}

/** What a reader is told where the content type alone would mislead it. */
const metaOf = (attributes: Record<string, string>, kind: DataKind): Envelope['meta'] =>
  kind === defaultKind(attributes.datacontenttype) ? {} : { [META.data]: kind }

function invalid(field: string, problem: string): BusError {
  return new BusError('DECODE_FAILED', `not a valid CloudEvent: ${field}: ${problem}`, {
    field,
    remedy: 'let the sender follow the JSON event format of CloudEvents 1.0',
  })
}
