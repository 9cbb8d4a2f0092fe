import { type Envelope, META, type Outgoing } from '@busbar/core/adapter'
import { type Fields, writeEntry } from '../wire/entry.ts'

/** The envelope with what a stream or list cannot say by itself. */
function transported({ envelope, notBefore, requestId, replyTo }: Outgoing): Envelope {
  if (notBefore === undefined && requestId === undefined && replyTo === undefined) return envelope
  return {
    ...envelope,
    meta: {
      ...envelope.meta,
      ...(notBefore === undefined ? {} : { [META.notBefore]: String(notBefore) }),
      ...(requestId === undefined ? {} : { [META.requestId]: requestId }),
      ...(replyTo === undefined ? {} : { [META.replyTo]: replyTo }),
    },
  }
}

/** A message as the fields of an entry. */
export const fieldsOf = (mode: 'binary' | 'structured', message: Outgoing): Fields =>
  writeEntry(transported(message), mode, message.key)

/** Bytes of one message: our own limit, far below what a server would refuse. */
export function sizeOf({ envelope, key }: Outgoing): number {
  let bytes = envelope.body?.byteLength ?? 0
  const { attributes, meta, headers } = envelope
  for (const name in attributes) bytes += name.length + Buffer.byteLength(attributes[name] as string)
  for (const name in meta) bytes += name.length + Buffer.byteLength(meta[name] as string)
  for (const [name, value] of headers)
    bytes +=
      Buffer.byteLength(name) + (typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength)
  return key === undefined ? bytes : bytes + Buffer.byteLength(key)
}
