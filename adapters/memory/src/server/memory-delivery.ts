import type { Delivery, Envelope, ReplyAddress, Settlement } from '@busbar/core/adapter'
import { copyOf } from '../bytes.ts'
import type { QueueEntry } from './queue-entry.ts'

/**
 * `held`: the member's to settle. `unanswered`: settled, but the answer was lost on its way, so that core still
 * counts it. `over`: settled and answered, or taken away.
 */
export type Holding = 'held' | 'unanswered' | 'over'

/** One hand-over of one entry. What follows {@link MemoryDelivery.entry} is the broker's own. */
export class MemoryDelivery implements Delivery {
  readonly topic: string
  readonly key?: string
  readonly envelope: Envelope
  readonly failures: number
  readonly marks: number
  readonly redeliveries: number
  readonly lane: string
  readonly notBefore?: number
  readonly sequence: number
  readonly position?: string
  readonly replyTo?: ReplyAddress
  readonly requestId?: string

  readonly entry: QueueEntry
  holding: Holding = 'held'
  settledAs: Settlement['kind'] | undefined
  /** Milliseconds since the epoch. */
  leaseUntil: number
  /** Place in its member's list of deliveries in flight. */
  index = 0
  /** Whether `mark` recorded this very start. */
  marked = false

  constructor(topic: string, entry: QueueEntry, leaseUntil: number) {
    const { message } = entry
    const { attributes, body, headers, meta } = message.envelope
    this.topic = topic
    this.lane = message.lane
    this.sequence = message.sequence
    // The body is a copy: a handler's changes must not reach other groups, nor the next attempt.
    this.envelope = {
      attributes,
      body: body === null ? null : copyOf(body),
      meta: entry.meta ?? meta,
      headers,
    }
    this.failures = entry.failures
    this.marks = entry.marks
    this.redeliveries = entry.redeliveries
    if (message.key !== undefined) this.key = message.key
    if (entry.notBefore !== undefined) this.notBefore = entry.notBefore
    if (message.sequence > 0) this.position = String(message.sequence)
    if (message.replyTo !== undefined) this.replyTo = message.replyTo
    if (message.requestId !== undefined) this.requestId = message.requestId
    this.entry = entry
    this.leaseUntil = leaseUntil
  }
}
