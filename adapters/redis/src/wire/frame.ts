import { Buffer } from 'node:buffer'
import type { Fields } from './entry.ts'

/**
 * Names and values in one string, for lists and channels, which have no fields: a line of JSON with the lengths in bytes,
 * then all of them one after the other.
 */
export function writeFrame(fields: Fields): Buffer {
  const parts = fields.map(field => (typeof field === 'string' ? Buffer.from(field) : field))
  const head = Buffer.from(`${JSON.stringify(parts.map(part => part.length))}\n`)
  return Buffer.concat([head, ...parts])
}

/** Undefined for what is no frame. */
export function readFrame(bytes: Buffer): Buffer[] | undefined {
  const end = bytes.indexOf(0x0a)
  if (end === -1) return undefined
  let lengths: unknown
  try {
    lengths = JSON.parse(bytes.toString('utf8', 0, end))
  } catch {
    return undefined
  }
  if (!Array.isArray(lengths) || lengths.length % 2 !== 0) return undefined
  const fields: Buffer[] = []
  let at = end + 1
  for (const length of lengths) {
    if (!Number.isSafeInteger(length) || length < 0 || at + length > bytes.length) return undefined
    fields.push(bytes.subarray(at, at + length))
    at += length
  }
  return fields
}
