import { Buffer, isUtf8 } from 'node:buffer'

/** `bytes` as a Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * The text of UTF-8 `bytes`, undefined when they are not UTF-8. A byte order mark is kept. Decoding puts U+FFFD
 * in the place of what is invalid, so bytes are checked only when one turns up, which for most text is never.
 */
export function utf8Text(bytes: Uint8Array): string | undefined {
  const text = asBuffer(bytes).toString('utf8')
  return text.includes('\ufffd') && !isUtf8(bytes) ? undefined : text
}
