import { type Delivery, type Envelope, META, type RawMessage } from '@busbar/core/adapter'
import type { ConsumeMessage } from 'amqplib'
import { count, type Decoded, decode, redeliveriesOf, withoutTransport } from '../wire/decode.ts'
import type { HeaderTable } from '../wire/headers.ts'
import type { Acks } from './acks.ts'
import { identityOf } from './ordered/identity.ts'

/** What stays the same however often one message is handed to core. */
interface Parts {
  readonly topic: string
  readonly lane: string
  readonly acks: Acks
  readonly tag: number
  readonly sequence: number | undefined
  readonly properties: Readonly<Record<string, unknown>>
  readonly decoded: Decoded
  readonly redeliveries: number
  readonly identity: string
}

/** What a message cannot carry while it stays at its place: RabbitMQ changes none. */
export interface HeldState {
  readonly failures: number
  readonly marks: number
  /** Milliseconds since the epoch; 0 for at once. */
  readonly notBefore: number
  /** The envelope's metadata from now on; absent where it stays as it was. */
  readonly meta?: Readonly<Record<string, string>> | undefined
}

/** One message in our hands. */
export class RabbitDelivery implements Delivery {
  readonly topic: string
  readonly lane: string
  readonly envelope: Envelope | null
  readonly failures: number
  readonly marks: number
  readonly redeliveries: number
  declare readonly key?: string
  declare readonly raw?: RawMessage
  declare readonly decodeError?: unknown
  declare readonly sequence?: number
  declare readonly notBefore?: number
  declare readonly replyTo?: string
  declare readonly requestId?: string
  readonly #parts: Parts
  /** Where it is to be acked: a suspect's place changes while it is handled. */
  acks: Acks
  tag: number

  constructor(parts: Parts, envelope: Envelope | null, { failures, marks, notBefore }: HeldState) {
    const { topic, lane, decoded, redeliveries, sequence, properties } = parts
    const { meta } = decoded
    this.#parts = parts
    this.topic = topic
    this.lane = lane
    this.acks = parts.acks
    this.tag = parts.tag
    this.envelope = envelope
    this.failures = failures
    this.marks = marks
    this.redeliveries = redeliveries
    const key = meta[META.key]
    const replyTo = properties.replyTo
    if (key !== undefined) this.key = key
    if (decoded.raw !== undefined) this.raw = decoded.raw
    if (decoded.decodeError !== undefined) this.decodeError = decoded.decodeError
    if (sequence !== undefined) this.sequence = sequence
    if (notBefore > 0) this.notBefore = notBefore
    if (typeof replyTo === 'string') this.replyTo = replyTo
    const requestId = meta[META.requestId]
    if (requestId !== undefined) this.requestId = requestId
  }

  /** What its sender said beside headers, for copies. */
  get properties(): Readonly<Record<string, unknown>> {
    return this.#parts.properties
  }

  /** What it is known by when it comes again: on ordered subscriptions alone. */
  get identity(): string {
    return this.#parts.identity
  }

  /** The same message for core to take once more: on an ordered subscription it never leaves our hands. */
  again(state: HeldState): RabbitDelivery {
    const { meta } = state
    const envelope = this.envelope === null || meta === undefined ? this.envelope : { ...this.envelope, meta }
    const next = new RabbitDelivery(this.#parts, envelope, state)
    next.acks = this.acks
    next.tag = this.tag
    return next
  }
}

/** Properties that are the sender's word and not the broker's instruction; `userId` must be the connection's own. */
const KEPT = [
  'correlationId',
  'type',
  'appId',
  'timestamp',
  'priority',
  'contentEncoding',
  'replyTo',
] as const

export function received(
  message: ConsumeMessage,
  where: {
    readonly topic: string
    readonly lane: string
    readonly acks: Acks
    readonly sequence: number | undefined
    readonly named: boolean
  },
): RabbitDelivery {
  const decoded = decode(message)
  const headers = message.properties.headers as HeaderTable | undefined
  const properties: Record<string, unknown> = {}
  for (const name of KEPT)
    if (message.properties[name] !== undefined) properties[name] = message.properties[name]
  const { meta } = decoded
  return new RabbitDelivery(
    {
      lane: where.lane,
      acks: where.acks,
      sequence: where.sequence,
      // Only where one queue has several topics: elsewhere it is known better.
      topic: where.named ? (meta[META.topic] ?? where.topic) : where.topic,
      tag: message.fields.deliveryTag,
      properties,
      decoded,
      redeliveries: redeliveriesOf(headers, message.fields.redelivered),
      identity: where.sequence === undefined ? '' : identityOf(message),
    },
    decoded.envelope === null ? null : withoutTransport(decoded.envelope),
    {
      failures: count(meta[META.failures]),
      marks: count(meta[META.marks]),
      notBefore: count(meta[META.notBefore]),
    },
  )
}
