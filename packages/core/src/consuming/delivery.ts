import type { ForeignHeader } from '../adapter/envelope.ts'
import type { CloudEvent } from '../cloudevents/event.ts'

/** What a handler gets: one attempt to handle one event. */
export interface DeliveryBase {
  /** The concrete topic, without prefix; of a wildcard subscription, the one the event was published to. */
  readonly topic: string
  /** Absent on a broadcast subscription. */
  readonly group: string | undefined
  readonly key: string | undefined
  /** Which handler start this is, from 1. Survives restarts. */
  readonly attempt: number
  /** The broker says it may have handed this event out before. */
  readonly redelivered: boolean
  /** The broker's own id or offset, where it has one. */
  readonly position: string | undefined
  /** Headers that are neither CloudEvents attributes nor Busbar's, in their order. */
  readonly headers: readonly ForeignHeader[]
  /** The data as it was on the wire: JSON numbers beyond 2^53 are still exact here. Null without data. */
  readonly body: Uint8Array | null
  /** Aborts when the bus is forced to stop, or the delivery is no longer ours (`LEASE_LOST`). */
  readonly signal: AbortSignal
}

/** A delivery of an event of a known type. */
export interface TypedDelivery<
  Type extends string = string,
  Data = unknown,
  Extensions = Readonly<Record<string, unknown>>,
> extends DeliveryBase {
  /** The event's type; tells several contracts apart. */
  readonly type: Type
  /** The data as the contract's schema gave it back; without a schema, as it was published. */
  readonly data: Data
  /** The extensions that the contract declares, with their types. Empty without a contract. */
  readonly extensions: Extensions
  /** The whole event as it was published: attributes as canonical strings, data not yet transformed by the schema. */
  readonly event: CloudEvent
}

/** A delivery settled by hand: see `bus.stream`. The first settlement counts; a further one is ignored. */
export interface ManualSettlement {
  /** Done. Resolves when the broker has taken it over. */
  ack(): Promise<void>
  /** Again after `delay` milliseconds; by default as the retry policy says. Counts as an attempt. */
  retry(options?: { readonly delay?: number; readonly error?: unknown }): Promise<void>
  /** Into the dead-letter queue, with this reason. */
  deadLetter(reason: string | Error): Promise<void>
  /** Back to the group, uncounted. */
  release(): Promise<void>
}

/** One item's outcome in a batch: done, or the error it failed with (classified by the retry policy). */
export type ItemOutcome = 'ack' | Error
