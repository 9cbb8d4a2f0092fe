import type { Delivery, Envelope, RawMessage } from '@busbar/core/adapter'
import type { StoredRecord } from './records.ts'

/** A message that the server has handed out. */
export interface HandOver {
  /** Where it is acknowledged; empty where nothing is. */
  readonly ackSubject: string
  /** The server's count, this hand-over included. */
  readonly delivered: number
  /** How often it has been handed out without an outcome. */
  readonly redeliveries: number
  readonly streamSequence: number
  readonly lane: string
  readonly leaseUntil: number
  readonly aliveUntil: number
  readonly stored: StoredRecord | undefined
}

/** What the message and the record of its attempts say. */
interface Content {
  readonly topic: string
  readonly key: string | undefined
  readonly envelope: Envelope | null
  /** Present for what is no event. */
  readonly raw: RawMessage | undefined
  readonly decodeError: unknown
  readonly failures: number
  readonly marks: number
  readonly notBefore: number | undefined
}

/** One hand-over of one message. What follows `notBefore` is the adapter's own. */
export class NatsDelivery implements Delivery {
  readonly topic: string
  declare readonly key?: string
  readonly envelope: Envelope | null
  declare readonly raw?: RawMessage
  declare readonly decodeError?: unknown
  readonly failures: number
  readonly marks: number
  readonly redeliveries: number
  readonly sequence: number
  readonly lane: string
  readonly position: string
  declare readonly notBefore?: number

  readonly ackSubject: string
  readonly streamSequence: number
  readonly delivered: number
  /** Milliseconds since the epoch. */
  leaseUntil: number
  /** Until when the server waits for a sign of life; milliseconds since the epoch. */
  aliveUntil: number
  stored: StoredRecord | undefined
  /** Whether `mark` recorded this very start. */
  marked = false

  constructor(handOver: HandOver, content: Content) {
    this.topic = content.topic
    this.envelope = content.envelope
    this.failures = content.failures
    this.marks = content.marks
    this.redeliveries = handOver.redeliveries
    this.sequence = handOver.streamSequence
    this.lane = handOver.lane
    this.position = String(handOver.streamSequence)
    this.ackSubject = handOver.ackSubject
    this.streamSequence = handOver.streamSequence
    this.delivered = handOver.delivered
    this.leaseUntil = handOver.leaseUntil
    this.aliveUntil = handOver.aliveUntil
    this.stored = handOver.stored
    if (content.key !== undefined) this.key = content.key
    if (content.notBefore !== undefined) this.notBefore = content.notBefore
    if (content.raw !== undefined) {
      this.raw = content.raw
      this.decodeError = content.decodeError
    }
  }
}
