import type { KeyLane } from './ready-by-key.ts'
import type { StoredMessage } from './stored-message.ts'

/** One group's view of one message, until it is acked or dead: its place, and what the group has recorded. */
export class QueueEntry {
  readonly message: StoredMessage
  /** Place in the group's queue. */
  order: number
  failures: number
  marks: number
  redeliveries = 0
  /** Of a retry: replaces the envelope's. */
  meta: Readonly<Record<string, string>> | undefined
  metaBytes = 0
  notBefore: number | undefined
  /** Waits for its retry to fall due; on an ordered queue its key waits with it. */
  held = false
  /** Has been retried: stands among the retries when it is ready. */
  retried = false
  lane: KeyLane | undefined

  constructor(message: StoredMessage, order: number, failures: number, marks: number) {
    this.message = message
    this.order = order
    this.failures = failures
    this.marks = marks
  }
}
