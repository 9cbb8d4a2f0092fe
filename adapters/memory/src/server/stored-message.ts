import type { Envelope, Outgoing, ReplyAddress } from '@busbar/core/adapter'
import { copyOf } from '../bytes.ts'
import type { EventLog } from './event-log.ts'

/**
 * One message as the broker holds it: stored once, referenced by its topic's log, by each group's queue and by
 * dead-letter stores. It is freed when the log has let go of it and `refs` is 0.
 */
export class StoredMessage {
  readonly topic: string
  readonly key: string | undefined
  readonly envelope: Envelope
  readonly lane: string
  readonly bytes: number
  readonly notBefore: number | undefined
  readonly expiresAt: number
  readonly replyTo: ReplyAddress | undefined
  readonly requestId: string | undefined
  /** Place among all the broker's messages; given when it becomes visible. */
  sequence = 0
  /** Milliseconds since the epoch at which it became visible. */
  storedAt = 0
  /** The log that retains it. */
  log: EventLog | undefined
  /** Its slot there. */
  slot = 0
  /** Queues, dead-letter stores and schedules that still need it. */
  refs = 0
  /** Neighbours in the budget's list of messages that nobody needs. */
  newer: StoredMessage | undefined
  older: StoredMessage | undefined

  constructor(outgoing: Outgoing, topic: string, lane: string, bytes: number) {
    const { envelope } = outgoing
    this.topic = topic
    this.key = outgoing.key
    this.lane = lane
    this.bytes = bytes
    this.notBefore = outgoing.notBefore
    this.expiresAt = outgoing.expiresAt ?? Number.POSITIVE_INFINITY
    this.replyTo = outgoing.replyTo
    this.requestId = outgoing.requestId
    // The publisher may reuse its buffer once the publish is confirmed, as it may with a broker over a network.
    this.envelope = envelope.body === null ? envelope : { ...envelope, body: copyOf(envelope.body) }
  }
}
