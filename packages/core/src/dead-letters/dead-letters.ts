import type { ForeignHeader, RawMessage } from '../adapter/envelope.ts'
import type { CloudEvent } from '../cloudevents/event.ts'

/** One event that ended in the dead-letter queue, with what is known of why. What is unknown is left out. */
export interface DeadLetter {
  /** Names this dead letter while it is stored. */
  readonly id: string
  readonly topic: string
  readonly group: string
  readonly key?: string
  /** Null when the message could not be decoded; then `raw` holds its bytes. */
  readonly event: CloudEvent | null
  /** The event's data as it was on the wire, byte for byte. */
  readonly body: Uint8Array | null
  readonly raw?: RawMessage
  readonly headers: readonly ForeignHeader[]
  /** A `DeadLetterReason`, or what a newer Busbar wrote. */
  readonly reason: string
  readonly attempts: number
  readonly error: {
    readonly class?: string
    readonly code?: string
    readonly message?: string
    readonly stack?: string
  }
  readonly firstFailure?: Date
  readonly lastFailure?: Date
  readonly deadAt?: Date
  /** How often it has been redriven before. */
  readonly redrives: number
}

export type DeadLetterFilter = (letter: DeadLetter) => boolean

/** A dead-letter queue: made by `bus.deadLetters(topic, group)`. Oldest first throughout. */
export interface DeadLetters {
  /** At most `limit` (default 100) that `filter` accepts. They stay where they are. */
  list(options?: {
    readonly limit?: number
    readonly filter?: DeadLetterFilter
  }): Promise<readonly DeadLetter[]>
  /** @throws BusError DEAD_LETTER_NOT_FOUND */
  read(id: string): Promise<DeadLetter>
  /**
   * Moves dead letters back to this group alone: each is published to its inbox and confirmed, then removed. Their attempts
   * begin anew. Without `filter`, all that were there when it began. One that cannot be decoded stays, counted as `kept`, unless
   * the topic's `decode` hook makes an event of it by now.
   */
  redrive(options?: {
    readonly filter?: DeadLetterFilter
    readonly limit?: number
    /** Events per second. Default: as fast as the broker takes them. */
    readonly rate?: number
    readonly signal?: AbortSignal
    readonly onProgress?: (progress: RedriveProgress) => void
  }): Promise<RedriveProgress>
  /** Removes all, or those that `filter` accepts. The number, or null where the broker does not say. */
  purge(options?: { readonly filter?: DeadLetterFilter }): Promise<number | null>
}

export interface RedriveProgress {
  readonly redriven: number
  /** Could not be redriven (undecodable) or was refused by the broker: still in the queue. */
  readonly kept: number
}
