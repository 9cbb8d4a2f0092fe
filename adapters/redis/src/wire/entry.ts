import { Buffer } from 'node:buffer'
import { type Envelope, type ForeignHeader, isBusError, META, type RawMessage } from '@busbar/core/adapter'
import {
  contentMode,
  decodeStructured,
  type HeaderBinding,
  headerBinding,
  KAFKA_BINDING,
  STRUCTURED_JSON,
} from '@busbar/core/cloudevents'

/** Names and values in turns, as XADD takes them. */
export type Fields = (string | Uint8Array)[]

/**
 * CloudEvents has no binding for Redis. An entry has a field `body`, and a field for each header: `content-type`, in binary
 * mode `ce_` and the attribute's name, Busbar's metadata, and foreign headers under their own names.
 */
export const redisBinding: HeaderBinding = headerBinding(KAFKA_BINDING)

const BODY = 'body'
const CONTENT_TYPE = 'content-type'
/** The id of the entry that a copy was made of first: its place in publish order. */
const POSITION = 'position'
/** How often it had been handed out when the copy was made. */
const REDELIVERED = 'redelivered'

/** Fields with a meaning of their own; a header of that name gets a backslash in front, and so does one that starts with it. */
const TAKEN = /^(?:\\|body$|position$|redelivered$)/
const escaped = (name: string) => (TAKEN.test(name) ? `\\${name}` : name)
const unescaped = (name: string) => (name.charCodeAt(0) === 0x5c ? name.slice(1) : name)

export function headerFields(headers: readonly ForeignHeader[], fields: Fields = []): Fields {
  for (const [name, value] of headers) fields.push(escaped(name), value)
  return fields
}

/** An event as the fields of an entry. */
export function writeEntry(envelope: Envelope, mode: 'binary' | 'structured', key?: string): Fields {
  // Data that is itself an event in JSON would be taken for this one.
  const nested = mode === 'binary' && contentMode(envelope.attributes.datacontenttype) !== 'binary'
  const { headers, body } = redisBinding.write(envelope, nested ? 'structured' : mode)
  const fields: Fields = body === null ? [] : [BODY, body]
  headerFields(headers, fields)
  if (key !== undefined) setKey(fields, key)
  return fields
}

function setKey(fields: Fields, key: string): void {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === META.key) return
  fields.push(META.key, key)
}

/** The fields that a copy has instead of the original's metadata. */
export function copyFields(
  meta: Readonly<Record<string, string>>,
  own: { readonly key?: string | undefined; readonly position?: string; readonly redelivered?: number },
  structured: boolean,
): Fields {
  const fields: Fields = []
  for (const [name, value] of Object.entries(meta)) {
    // A structured document tells the kind of its data by itself.
    if (!(structured && name === META.data)) fields.push(name, value)
  }
  if (own.key !== undefined) setKey(fields, own.key)
  if (own.position !== undefined) fields.push(POSITION, own.position)
  if (own.redelivered) fields.push(REDELIVERED, String(own.redelivered))
  return fields
}

export interface Entry {
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  readonly decodeError?: unknown
  /** Busbar's metadata, whether or not there is an envelope. */
  readonly meta: Readonly<Record<string, string>>
  readonly key?: string
  readonly position?: string
  readonly redelivered: number
  /** Whether the entry holds one JSON document. */
  readonly structured: boolean
}

/**
 * Reads the fields of an entry. Never throws: what is no event keeps its bytes and headers.
 */
export function readEntry(fields: readonly Buffer[]): Entry {
  const body = plainBody(fields)
  if (body !== undefined) {
    try {
      const envelope = decodeStructured(body)
      return { envelope, meta: envelope.meta, redelivered: 0, structured: true }
    } catch (decodeError) {
      if (!isBusError(decodeError)) throw decodeError
    }
  }
  return readFields(fields)
}

/** The body of an entry that has nothing else but its content type, as most have: read without looking for more. */
function plainBody(fields: readonly Buffer[]): Buffer | undefined {
  const [first, body, second, type] = fields
  if (fields.length !== 4 || first === undefined || second === undefined || type === undefined)
    return undefined
  return says(first, BODY) && says(second, CONTENT_TYPE) && says(type, STRUCTURED_JSON) ? body : undefined
}

/** Compared byte by byte: three strings for each entry would take four times as long. @param text in ASCII */
function says(bytes: Buffer, text: string): boolean {
  if (bytes.length !== text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false
  return true
}

function readFields(fields: readonly Buffer[]): Entry {
  let body: Buffer | null = null
  let position: string | undefined
  let redelivered = 0
  let key: string | undefined
  let structured = false
  const headers: [string, Buffer][] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = (fields[i] as Buffer).toString()
    const value = fields[i + 1] as Buffer
    if (name === BODY && body === null) body = value
    else if (name === POSITION) position = value.toString()
    else if (name === REDELIVERED) redelivered = count(value.toString())
    else if (name === META.key) key = value.toString()
    else {
      if (
        name === CONTENT_TYPE &&
        value.length > 22 &&
        value.toString().startsWith('application/cloudevents')
      )
        structured = true
      headers.push([unescaped(name), value])
    }
  }
  const rest = {
    redelivered,
    structured,
    ...(key === undefined ? {} : { key }),
    ...(position === undefined ? {} : { position }),
  }
  try {
    const envelope = redisBinding.read({ headers, body })
    return { envelope, meta: envelope.meta, ...rest }
  } catch (decodeError) {
    if (!isBusError(decodeError)) throw decodeError
    return { envelope: null, ...undecoded(headers, body), decodeError, ...rest }
  }
}

function undecoded(
  headers: readonly (readonly [string, Buffer])[],
  body: Buffer | null,
): { readonly raw: RawMessage; readonly meta: Record<string, string> } {
  const meta: Record<string, string> = {}
  const foreign: ForeignHeader[] = []
  let contentType: string | undefined
  for (const [name, value] of headers) {
    if (MINE.has(name)) meta[name] = value.toString()
    else {
      if (name === CONTENT_TYPE && contentType === undefined) {
        contentType = value.toString()
        continue
      }
      const text = value.toString()
      foreign.push([name, Buffer.from(text).equals(value) ? text : value])
    }
  }
  return { raw: { body, headers: foreign, ...(contentType === undefined ? {} : { contentType }) }, meta }
}

const MINE: ReadonlySet<string> = new Set(Object.values(META))

/** A recorded count; anything that is not one counts as none. */
export function count(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0
}
