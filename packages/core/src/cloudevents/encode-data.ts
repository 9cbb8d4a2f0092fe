import { Buffer } from 'node:buffer'
import type { Issue } from '../errors/bus-error.ts'
import { describe } from './attribute-value.ts'
import { contentTypeFacts, type DataKind } from './content-type.ts'
import { jsonLoss } from './json-loss.ts'
import { isWellFormed } from './unicode.ts'
import { asBuffer } from './utf8.ts'

export interface EncodedData {
  readonly kind: DataKind
  readonly body: Uint8Array
}

/**
 * Data as the bytes that travel: bytes as they are (not copied), a string under a content type that is not JSON as
 * UTF-8, anything else as JSON text. Pushes what is wrong to `issues` and returns undefined.
 */
export function encodeData(
  data: unknown,
  contentType: string | undefined,
  expected: DataKind,
  issues: Issue[],
): EncodedData | undefined {
  if (typeof data === 'object' && data !== null) {
    if (data instanceof Uint8Array) return { kind: 'binary', body: data }
    if (ArrayBuffer.isView(data)) {
      return { kind: 'binary', body: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
    }
    if (data instanceof ArrayBuffer) return { kind: 'binary', body: new Uint8Array(data) }
  }
  if (expected === 'json' || data === null) return encodeJson(data, issues)
  if (typeof data === 'string') return encodeText(data, contentType, issues)
  issues.push({
    field: 'data',
    problem: `${describe(data)} cannot be sent as ${contentType}`,
    remedy: 'pass a string or bytes, or set datacontenttype to application/json',
  })
  return undefined
}

function encodeJson(data: unknown, issues: Issue[]): EncodedData | undefined {
  let json: string | undefined
  try {
    json = JSON.stringify(data)
  } catch (error) {
    issues.push({
      field: 'data',
      problem: `cannot be written as JSON: ${error instanceof Error ? firstLine(error.message) : String(error)}`,
      remedy: 'remove cycles, write bigints as strings, and keep the nesting within reason',
    })
    return undefined
  }
  const loss: Issue | undefined =
    json === undefined
      ? {
          field: 'data',
          problem: `${describe(data)} cannot be carried by JSON`,
          remedy: 'pass a JSON value or bytes',
        }
      : jsonLoss(data, json)
  if (json === undefined || loss !== undefined) {
    if (loss !== undefined) issues.push(loss)
    return undefined
  }
  return { kind: 'json', body: Buffer.from(json, 'utf8') }
}

function encodeText(text: string, contentType: string | undefined, issues: Issue[]): EncodedData | undefined {
  const charset = contentType === undefined ? undefined : contentTypeFacts(contentType).foreignCharset
  if (charset !== undefined) {
    const remedy = 'pass the encoded bytes, or use charset=utf-8'
    issues.push({
      field: 'data',
      problem: `a string is sent as UTF-8, but datacontenttype says ${charset}`,
      remedy,
    })
  } else if (!isWellFormed(text)) {
    const remedy = 'repair it with toWellFormed(), or pass bytes'
    issues.push({ field: 'data', problem: 'contains a lone surrogate, which UTF-8 cannot carry', remedy })
  } else {
    return { kind: 'text', body: Buffer.from(text, 'utf8') }
  }
  return undefined
}

/**
 * The bytes of an event that carries `data_base64`, alone or, as an SDK event does, beside the same bytes in `data`.
 * Pushes what is wrong to `issues` and returns undefined.
 */
export function decodeBase64Data(base64: unknown, data: unknown, issues: Issue[]): EncodedData | undefined {
  const body = typeof base64 === 'string' ? base64Bytes(base64) : undefined
  if (body === undefined) {
    const remedy = 'pass standard base64 text, or bytes in data'
    issues.push({ field: 'data_base64', problem: 'is not base64', remedy })
    return undefined
  }
  if (data !== undefined && !sameBytes(data, body)) {
    const remedy = 'pass bytes in data and leave data_base64 out'
    issues.push({ field: 'data_base64', problem: 'is there beside data; an event has one of them', remedy })
    return undefined
  }
  return { kind: 'binary', body }
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Bytes of standard, padded base64 (RFC 4648 section 4); undefined when `text` is anything else. */
export function base64Bytes(text: string): Buffer | undefined {
  return text.length % 4 === 0 && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined
}

/** Element by element, because SDK 10 decodes `data_base64` into an array of 32-bit numbers (sdk-javascript#643). */
function sameBytes(data: unknown, bytes: Buffer): boolean {
  if (data instanceof ArrayBuffer) return asBuffer(new Uint8Array(data)).equals(bytes)
  if (!(data instanceof Uint8Array || data instanceof Uint32Array) || data.length !== bytes.length)
    return false
  return data.every((element, i) => element === bytes[i])
}

/** V8 draws the path of a cycle over several lines. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message
}
