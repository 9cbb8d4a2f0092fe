import type { Outgoing } from '@busbar/core/adapter'

/**
 * What one stored message costs besides its bytes: the objects around it in the log and in one group. Measured
 * on Node 24 at about 300 bytes; part of the `maxBytes` accounting, not of the message's own size.
 */
export const OVERHEAD = 320

type Sized = Pick<Outgoing, 'envelope' | 'key'>

/** Nearly all values are short ASCII, which a loop finds out faster than a call into Node. */
function utf8Length(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  return text.length
}

/** Attribute and metadata names are ASCII (CloudEvents and our own closed list see to it), values need not be. */
function recordBytes(record: Readonly<Record<string, string>>): number {
  let bytes = 0
  for (const name in record) bytes += name.length + utf8Length(record[name] as string)
  return bytes
}

function recordLength(record: Readonly<Record<string, string>>): number {
  let length = 0
  for (const name in record) length += name.length + (record[name] as string).length
  return length
}

/** Exact bytes of body, attributes, metadata, foreign headers and key, as UTF-8. */
export function sizeOf({ envelope, key }: Sized): number {
  let bytes = envelope.body === null ? 0 : envelope.body.byteLength
  bytes += recordBytes(envelope.attributes) + recordBytes(envelope.meta)
  for (const [name, value] of envelope.headers) bytes += utf8Length(name) + valueBytes(value)
  return key === undefined ? bytes : bytes + utf8Length(key)
}

const valueBytes = (value: string | Uint8Array): number =>
  typeof value === 'string' ? utf8Length(value) : value.byteLength

/**
 * {@link sizeOf} with a character counted as one byte: what V8 holds for Latin-1 strings. Cheap enough for
 * each publish; a third of the true size at worst.
 */
export function weightOf({ envelope, key }: Sized): number {
  let bytes = envelope.body === null ? 0 : envelope.body.byteLength
  bytes += recordLength(envelope.attributes) + recordLength(envelope.meta)
  for (const [name, value] of envelope.headers) bytes += name.length + value.length
  return key === undefined ? bytes : bytes + key.length
}

export const metaWeight = recordLength
