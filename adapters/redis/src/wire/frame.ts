import { Buffer } from 'node:buffer'
import type { Fields } from './entry.ts'

/**
 * Names and values in one string, for lists and channels, which have no fields: a line of JSON with the lengths in bytes,
 * then all of them one after the other.
 */
export function writeFrame(fields: Fields): Buffer {
  let head = ''
  let size = 0
  for (const field of fields) {
    const length = typeof field === 'string' ? Buffer.byteLength(field) : field.byteLength
    head += head === '' ? `[${length}` : `,${length}`
    size += length
  }
  head += fields.length === 0 ? '[]\n' : ']\n'
  const frame = Buffer.allocUnsafe(head.length + size)
  let at = frame.write(head, 0, 'latin1')
  for (const field of fields) {
    if (typeof field === 'string') at += frame.write(field, at)
    else {
      frame.set(field, at)
      at += field.byteLength
    }
  }
  return frame
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
