import { Buffer } from 'node:buffer'
import type { Fields } from './entry.ts'
import { joined } from './joined.ts'

/**
 * Names and values in one string, for lists and channels, which have no fields: a line of JSON with the lengths in bytes,
 * then all of them one after the other.
 */
export function writeFrame(fields: Fields): Buffer {
  const lengths: number[] = []
  // Text is gathered until there are bytes: a write for each field would cost more than what it writes.
  const parts: (string | Uint8Array)[] = ['']
  let text = ''
  let size = 0
  for (const field of fields) {
    const length = typeof field === 'string' ? Buffer.byteLength(field) : field.byteLength
    lengths.push(length)
    size += length
    if (typeof field === 'string') text += field
    else {
      parts.push(text, field)
      text = ''
    }
  }
  parts.push(text)
  const head = `[${lengths.join()}]\n`
  parts[0] = head
  return joined(parts, head.length + size)
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
