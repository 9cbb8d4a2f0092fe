import { type Envelope, type ForeignHeader, META } from '../adapter/envelope.ts'
import { BusError, type Issue, issuesError } from '../errors/bus-error.ts'
import { setAttribute } from './attributes.ts'
import { contentMode, isJsonFormat, STRUCTURED_JSON } from './content-mode.ts'
import { defaultKind } from './content-type.ts'
import { dataKind } from './decode.ts'
import { type HeaderBindingOptions, type HeaderRole, headerNames } from './header-names.ts'
import { foreignText, foreignValue, headerText } from './header-values.ts'
import { withTransport } from './parsed-envelope.ts'
import { percentDecode, percentDecodeLenient, percentEncode } from './percent-encoding.ts'
import { decodeStructured, encodeStructured } from './structured.ts'
import { assertValidEnvelope } from './validate.ts'

/** A message as a broker takes it: an adapter only moves these into its driver's fields. */
export interface BoundMessage {
  /** Content type (where it is a header), attributes, metadata, then the foreign headers in their order. */
  readonly headers: readonly ForeignHeader[]
  /** Present only where the content type is a property of the message. */
  readonly contentType?: string
  readonly body: Uint8Array | null
}

/** A message as a driver hands it out. Header values may be of any type that the protocol has. */
export interface IncomingMessage {
  readonly headers: readonly (readonly [name: string, value: unknown])[]
  readonly contentType?: string | undefined
  readonly body: Uint8Array | null
}

/** Puts events on one protocol's wire and takes them off again. */
export interface HeaderBinding {
  /**
   * @throws BusError `INVALID_EVENT` for a foreign header of bytes where the protocol's headers are text.
   */
  write(envelope: Envelope, mode: 'binary' | 'structured'): BoundMessage
  /**
   * Reads either mode, and validates the attributes: what a stranger sent is checked once, where it comes in.
   * @throws BusError `DECODE_FAILED` for a message that is no valid CloudEvent or breaks the binding's rules.
   */
  read(message: IncomingMessage): Envelope
}

/** The CloudEvents header mapping, once for all protocols: `options` says how one of them differs. */
export function headerBinding(options: HeaderBindingOptions): HeaderBinding {
  const names = headerNames(options)
  const contentTypeHeader = options.contentType === 'property' ? undefined : options.contentType.header
  const contentTypeOfData = options.dataContentType === 'content-type'
  const encode = options.values === 'plain' ? (value: string) => value : percentEncode
  const decode =
    options.values === 'plain'
      ? (value: string): string | undefined => value
      : options.values === 'percent'
        ? percentDecode
        : percentDecodeLenient

  function bound(
    headers: ForeignHeader[],
    contentType: string | undefined,
    body: Uint8Array | null,
  ): BoundMessage {
    return contentTypeHeader === undefined && contentType !== undefined
      ? { headers, contentType, body }
      : { headers, body }
  }

  function writeRest(headers: ForeignHeader[], envelope: Envelope, structured: boolean): void {
    for (const key of Object.keys(envelope.meta)) {
      const value = envelope.meta[key]
      // A structured document tells the kind of its data by itself.
      if (value !== undefined && !(structured && key === META.data)) headers.push([key, encode(value)])
    }
    for (const header of envelope.headers) headers.push(foreignText(header, options.foreignBytes))
  }

  function writeBinary(envelope: Envelope): BoundMessage {
    const { attributes, body, meta } = envelope
    const headers: ForeignHeader[] = []
    const contentType = contentTypeOfData ? attributes.datacontenttype : undefined
    if (contentType !== undefined && contentTypeHeader !== undefined) {
      headers.push([contentTypeHeader, contentType])
    }
    for (const name of Object.keys(attributes)) {
      if (contentTypeOfData && name === 'datacontenttype') continue
      headers.push([names.ofAttribute(name), encode(attributes[name] ?? '')])
    }
    // Where nothing and empty data look the same, empty data says what it is.
    if (body?.length === 0 && options.emptyBody === 'absent' && meta[META.data] === undefined) {
      headers.push([META.data, dataKind(envelope)])
    }
    writeRest(headers, envelope, false)
    return bound(headers, contentType, body)
  }

  function writeStructured(envelope: Envelope): BoundMessage {
    const headers: ForeignHeader[] = []
    if (contentTypeHeader !== undefined) headers.push([contentTypeHeader, STRUCTURED_JSON])
    writeRest(headers, envelope, true)
    return bound(headers, STRUCTURED_JSON, encodeStructured(envelope))
  }

  function readAttribute(found: Found, name: string, value: unknown): void {
    const raw = headerText(value, options.attributeBytes)
    const text = raw === undefined ? undefined : decode(raw)
    if (text === undefined) {
      if (value !== null && value !== undefined) found.issues.push(undecodable(name, options.values))
    } else if (!Object.hasOwn(found.attributes, name)) {
      setAttribute(found.attributes, name, text)
      found.count++
    } else if (found.attributes[name] !== text) {
      // Two readers could take different ones; that is how a message slips past a check.
      found.issues.push({
        field: name,
        problem: 'is there twice, with different values',
        remedy: 'let the sender write each attribute once',
      })
    }
  }

  function readHeader(found: Found, role: HeaderRole, header: readonly [string, unknown]): void {
    const [name, value] = header
    switch (role.kind) {
      case 'attribute':
        readAttribute(found, role.name, value)
        return
      case 'meta': {
        const raw = headerText(value, 'utf8')
        if (raw !== undefined) found.meta[role.key] = decode(raw) ?? raw
        return
      }
      case 'reserved':
        return
      case 'content-type':
        if (found.contentType === undefined) {
          found.contentType = headerText(value, 'utf8')
          found.contentTypeAt = found.headers.length
          found.contentTypeName = name
          return
        }
    }
    found.headers.push([name, foreignValue(value, options.foreignBytes)])
  }

  function read(message: IncomingMessage): Envelope {
    const found: Found = {
      attributes: {},
      count: 0,
      meta: {},
      headers: [],
      contentType: message.contentType,
      contentTypeAt: -1,
      contentTypeName: '',
      issues: [],
    }
    for (const header of message.headers) readHeader(found, names.roleOf(header[0]), header)
    const mode = contentMode(found.contentType)
    if (mode !== 'binary') return readStructured(found, message.body)
    if (found.count === 0 && found.issues.length === 0) {
      const plain = found.contentType === undefined && startsObject(message.body)
      if (options.unmarked === 'structured' && plain) return readStructured(found, message.body)
      throw notAnEvent(`no ${options.prefix} header and no content type of ${STRUCTURED_JSON}`)
    }
    if (found.issues.length > 0) throw issuesError('DECODE_FAILED', 'not a valid CloudEvent', found.issues)
    if (found.contentType !== undefined) {
      if (contentTypeOfData) found.attributes.datacontenttype = found.contentType
      // Where the content type only marks the mode, any other value is somebody else's header.
      else if (found.contentTypeAt >= 0) {
        found.headers.splice(found.contentTypeAt, 0, [found.contentTypeName, found.contentType])
      }
    }
    const envelope = readBinary(found, message.body)
    assertValidEnvelope(envelope)
    return envelope
  }

  function readBinary({ attributes, meta, headers }: Found, body: Uint8Array | null): Envelope {
    const told = meta[META.data]
    if (told === undefined) {
      const absent = options.emptyBody === 'absent' && body?.length === 0
      return { attributes, body: absent ? null : body, meta, headers }
    }
    // What the content type says anyway was only written to tell empty data from none.
    const redundant = told === defaultKind(attributes.datacontenttype)
    if (redundant || !/^(?:json|text|binary)$/.test(told)) delete meta[META.data]
    return { attributes, body, meta, headers }
  }

  return {
    write: (envelope, mode) => (mode === 'binary' ? writeBinary(envelope) : writeStructured(envelope)),
    read,
  }
}

/** What one pass over the headers collects. */
interface Found {
  readonly attributes: Record<string, string>
  count: number
  readonly meta: Record<string, string>
  readonly headers: ForeignHeader[]
  contentType: string | undefined
  /** Where among the foreign headers the content type stood; -1 when it was not a header. */
  contentTypeAt: number
  contentTypeName: string
  readonly issues: Issue[]
}

/** Attributes beside a structured document are copies for routers, and are dropped: the document is the event. */
function readStructured(found: Found, body: Uint8Array | null): Envelope {
  const { contentType } = found
  if (contentType !== undefined && !isJsonFormat(contentType))
    throw notAnEvent(`${contentType} is not a format Busbar reads`)
  if (contentMode(contentType) === 'batch') throw notAnEvent('a batch is not one event')
  if (body === null) throw notAnEvent('a structured message without a body')
  const envelope = decodeStructured(body)
  delete found.meta[META.data]
  return withTransport(envelope, { ...found.meta, ...envelope.meta }, found.headers)
}

function startsObject(body: Uint8Array | null): boolean {
  return body !== null && body[0] === 0x7b
}

function undecodable(field: string, values: HeaderBindingOptions['values']): Issue {
  return values === 'plain'
    ? { field, problem: 'is not text', remedy: 'let the sender write attributes as UTF-8 strings' }
    : {
        field,
        problem: 'is not percent-encoded UTF-8',
        remedy: 'let the sender percent-encode it, or read leniently',
      }
}

function notAnEvent(problem: string): BusError {
  return new BusError('DECODE_FAILED', `not a CloudEvent: ${problem}`, {
    field: 'headers',
    remedy: 'let the sender follow a CloudEvents binding, or give the topic a decode hook',
  })
}
