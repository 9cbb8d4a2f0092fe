import type { Delivery, Envelope, RawMessage, ReplyAddress } from '@busbar/core/adapter'
import type { StoredRecord } from './records.ts'

/** One hand-over of one message. What follows `requestId` is the adapter's own. */
export class NatsDelivery implements Delivery {
  declare readonly topic: string
  declare readonly key?: string
  declare readonly envelope: Envelope | null
  declare readonly raw?: RawMessage
  declare readonly decodeError?: unknown
  declare readonly failures: number
  declare readonly marks: number
  declare readonly redeliveries: number
  declare readonly sequence?: number
  declare readonly lane: string
  declare readonly notBefore?: number
  declare readonly position?: string
  declare readonly replyTo?: ReplyAddress
  declare readonly requestId?: string

  /** Where it is acknowledged; empty for what needs none. */
  readonly ackSubject: string
  readonly streamSequence: number
  /** The server's count, this hand-over included. */
  readonly delivered: number
  /** Milliseconds since the epoch. */
  leaseUntil: number
  /** Until when the server waits for a sign of life; milliseconds since the epoch. */
  aliveUntil: number
  stored: StoredRecord | undefined
  /** Whether `mark` recorded this very start. */
  marked = false

  constructor(
    fields: Delivery,
    own: {
      ackSubject: string
      streamSequence: number
      delivered: number
      leaseUntil: number
      aliveUntil: number
      stored?: StoredRecord | undefined
    },
  ) {
    Object.assign(this, fields)
    this.ackSubject = own.ackSubject
    this.streamSequence = own.streamSequence
    this.delivered = own.delivered
    this.leaseUntil = own.leaseUntil
    this.aliveUntil = own.aliveUntil
    this.stored = own.stored
  }
}
