import { type Envelope, isBusError, META, type RawMessage } from '@busbar/core/adapter'
import { rabbitmqBinding } from '@busbar/core/cloudevents'
import { foreign, type HeaderTable, headersOf, REDELIVERIES } from './headers.ts'

/** The parts of a driver's message that are read. */
export interface ReceivedMessage {
  readonly content: Buffer
  readonly properties: {
    readonly headers?: HeaderTable | undefined
    readonly contentType?: unknown
    readonly messageId?: unknown
    readonly replyTo?: unknown
  }
}

export interface Decoded {
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  readonly decodeError?: unknown
  /** All metadata, whether or not there is an envelope. */
  readonly meta: Readonly<Record<string, string>>
}

const META_NAMES: ReadonlySet<string> = new Set(Object.values(META))

export function decode({ content, properties }: ReceivedMessage): Decoded {
  const headers = headersOf(properties.headers)
  const contentType = typeof properties.contentType === 'string' ? properties.contentType : undefined
  try {
    const envelope = rabbitmqBinding.read({ headers, contentType, body: content })
    return { envelope, meta: envelope.meta }
  } catch (decodeError) {
    if (!isBusError(decodeError)) throw decodeError
    const meta: Record<string, string> = {}
    const others: [string, string | Uint8Array][] = []
    for (const [name, value] of headers) {
      if (META_NAMES.has(name)) meta[name] = String(foreign(value))
      else others.push([name, foreign(value)])
    }
    const raw = { body: content, headers: others, ...(contentType === undefined ? {} : { contentType }) }
    return { envelope: null, raw, decodeError, meta }
  }
}

/** Metadata that is a field of a delivery, and none of the event's. */
const OF_THE_TRANSPORT = [META.key, META.notBefore, META.requestId, META.replyTo, META.marks] as const

/** The envelope as core knows it. */
export function withoutTransport(envelope: Envelope): Envelope {
  const { meta } = envelope
  if (!OF_THE_TRANSPORT.some(name => name in meta)) return envelope
  const rest: Record<string, string> = { ...meta }
  for (const name of OF_THE_TRANSPORT) delete rest[name]
  return { ...envelope, meta: rest }
}

/** 0 for what is no count: it may come from a stranger. */
export function count(text: string | undefined): number {
  const number = Number(text)
  return text !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : 0
}

interface Counted {
  readonly properties: { readonly headers?: HeaderTable | undefined }
  readonly fields: { readonly redelivered: boolean }
}

const brokersCount = (headers: HeaderTable | undefined): unknown =>
  headers?.['x-acquired-count'] ?? headers?.['x-delivery-count']

/** How often the broker gave it out before. */
export function redeliveriesOf(headers: HeaderTable | undefined, redelivered: boolean): number {
  const before = headers?.[REDELIVERIES]
  const counted = brokersCount(headers)
  const here = typeof counted === 'number' ? counted : redelivered ? 1 : 0
  return here + (typeof before === 'number' && before > 0 ? before : 0)
}

/**
 * Classic queues only say that a message was given out before, and not how often: one that kills its consumers would never be told
 * from its neighbours. A copy that carries the count over makes each redelivery the first.
 */
export const countIsLost = ({ properties, fields }: Counted): boolean =>
  fields.redelivered && typeof brokersCount(properties.headers) !== 'number'
