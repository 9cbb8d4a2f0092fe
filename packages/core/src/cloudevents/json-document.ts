import { type Buffer, isAscii, isUtf8 } from 'node:buffer'
import { BusError } from '../errors/bus-error.ts'
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  expectEnd,
  JsonScanError,
  OPEN_ARRAY,
  OPEN_OBJECT,
  skipSpace,
  trimSpace,
} from './json-scanner.ts'
import { asBuffer } from './utf8.ts'

/** A JSON text in UTF-8 that is being read. */
export interface JsonDocument {
  readonly bytes: Buffer
  /** All of it as a string with the same positions, if that is worth having: it is short and ASCII. */
  readonly ascii: string | undefined
}

/** Something read from a document, and the position after it. */
export interface Parsed<T> {
  readonly value: T
  readonly end: number
}

/**
 * Longer documents are not decoded whole: strings cut from the text would keep all of it in memory, and so would a parsed
 * value many times its size while its event waits for a handler.
 */
const SHORT = 4096

/**
 * Has `read` take the one value of the JSON text in `bytes`.
 * @throws BusError `DECODE_FAILED` when it is not UTF-8 or not JSON.
 */
export function readDocument<T>(
  bytes: Uint8Array,
  read: (document: JsonDocument, from: number) => Parsed<T>,
): T {
  const buffer = asBuffer(bytes)
  const ascii = isAscii(buffer)
  if (!ascii && !isUtf8(buffer)) throw undecodable('is not UTF-8')
  const text = ascii && buffer.length <= SHORT ? buffer.toString('latin1') : undefined
  try {
    const { value, end } = read({ bytes: buffer, ascii: text }, skipSpace(buffer, markLength(buffer)))
    expectEnd(buffer, end)
    return value
  } catch (error) {
    if (error instanceof JsonScanError) throw undecodable(error.message, error)
    throw error
  }
}

/** The length of the byte order mark that `bytes` start with: 3 or 0. RFC 8259 lets a reader ignore one. */
export function markLength(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
}

/** What is written between two positions. */
export function rawText(document: JsonDocument, from: number, end: number): string {
  return document.ascii?.slice(from, end) ?? document.bytes.toString('utf8', from, end)
}

/**
 * The name or attribute value written between two positions, quotes included. Raw control characters, which JSON
 * forbids, pass: attributes may not contain them either, and validation says so.
 */
export function plainString(document: JsonDocument, from: number, end: number): string {
  const inner = rawText(document, from + 1, end - 1)
  return inner.includes('\\') ? jsonString(document, from, end) : inner
}

/** The string written between two positions, quotes included, by all of JSON's rules. */
export function jsonString(document: JsonDocument, from: number, end: number): string {
  try {
    return JSON.parse(rawText(document, from, end)) as string
  } catch {
    throw new JsonScanError(`the string at byte ${from} is not valid`)
  }
}

/**
 * The object or array that starts at `from`, parsed, if it is the last thing in the object that ends a short document:
 * there a native parser can be told where it ends. That it takes all of the text proves that it is one value, and no
 * further members. Undefined when it is anything else, or not JSON.
 */
export function lastValue(document: JsonDocument, from: number): Parsed<unknown> | undefined {
  const { bytes } = document
  if (bytes.length > SHORT) return undefined
  const first = bytes[from]
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return undefined
  const last = trimSpace(bytes, bytes.length) - 1
  if (bytes[last] !== CLOSE_OBJECT) return undefined
  const end = trimSpace(bytes, last)
  // Most that is not the last thing shows here, before an error has to be thrown and caught.
  if (bytes[end - 1] !== (first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) return undefined
  try {
    return { value: JSON.parse(rawText(document, from, end)), end }
  } catch {
    return undefined
  }
}

function undecodable(problem: string, cause?: unknown): BusError {
  return new BusError('DECODE_FAILED', `not a CloudEvent in JSON: ${problem}`, {
    field: 'body',
    remedy: 'let the sender write a JSON document in UTF-8',
    cause,
  })
}
