import type { Envelope, RawMessage } from './envelope.ts'
import type { SettlementResult } from './subscription.ts'

export interface DeadLetterQuery {
  readonly topic: string
  readonly group: string
}

/** One dead letter as the adapter stores it. The object is the handle for `remove`. */
export interface DeadItem {
  /** Stable while it is stored. */
  readonly id: string
  readonly topic: string
  readonly key?: string
  /** Null when the message never could be decoded; then `raw` holds it. */
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  /** The failure's metadata, by the names in `META`, whether or not there is an envelope. */
  readonly meta: Readonly<Record<string, string>>
}

/**
 * A walk over one dead-letter queue, oldest first. A session and not a cursor, because RabbitMQ has none: there it
 * holds messages on one channel, and gives back on disposal what was not removed.
 */
export interface DeadLetterSession extends AsyncDisposable {
  /** At most `count` further items; empty at the end of what was stored when the session was opened. */
  next(count: number): Promise<readonly DeadItem[]>
  remove(items: readonly DeadItem[]): Promise<readonly SettlementResult[]>
}
