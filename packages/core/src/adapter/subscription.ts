import type { ReplyAddress } from './broker.ts'
import type { Envelope, RawMessage } from './envelope.ts'

/** Where a new group, or a broadcast subscription, begins. An existing group goes on where it was. */
export type StartPosition = 'new' | 'earliest' | { readonly time: Date } | { readonly position: string }

export interface SubscriptionSpec {
  /** `requests` are delivered to one member of the group and need not be stored. */
  readonly kind: 'events' | 'requests'
  /** A topic, or a pattern with `*` and `**` where `subscribe.wildcard` is supported. */
  readonly topic: string
  /** Absent: ephemeral broadcast. Always present for requests. */
  readonly group?: string
  readonly start: StartPosition
  /** `key`: see `order.key`. */
  readonly ordering: 'none' | 'key'
  readonly partitions: number
  /** How long a delivery stays ours unsettled and unextended, in milliseconds. */
  readonly lease: number
  /** The largest window core will ever ask for. */
  readonly maxWindow: number
}

/**
 * One message handed to core. The object itself is the handle: core gives the same one back to settle.
 * Adapters may put it on a class with private fields of their own.
 */
export interface Delivery {
  /** The concrete topic, without prefix. */
  readonly topic: string
  readonly key?: string
  /**
   * A valid event, as the codec's readers give it out (an adapter that reads in another way calls `assertValidEnvelope`). Null when it
   * is none; then `raw` and `decodeError` say why.
   */
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  readonly decodeError?: unknown
  /** Failed attempts that Busbar recorded (retry verdicts). */
  readonly failures: number
  /** Starts of a suspect that were recorded by `mark`; more than the outcome of none of them is known. */
  readonly marks: number
  /**
   * How often the broker says it handed this message out before without a verdict. It may include members that
   * never started it, and releases: a reason for suspicion, never a verdict.
   */
  readonly redeliveries: number
  /**
   * Its place in publish order among those of its lane, the same each time it is delivered: an offset, a stream sequence. On
   * ordered subscriptions core sorts by it, because what comes again may arrive behind its successors; without it, arrival
   * counts.
   */
  readonly sequence?: number
  /** The unit of assignment: partition, queue or stream. */
  readonly lane: string
  /** Milliseconds since the epoch; not to be handled before (a broker that returned it early is corrected by core). */
  readonly notBefore?: number
  /** The broker's own id or offset. */
  readonly position?: string
  readonly replyTo?: ReplyAddress
  readonly requestId?: string
}

/** What becomes of one delivery. */
export type Settlement =
  | { readonly kind: 'ack'; readonly delivery: Delivery }
  /** Given back, uncounted, to be delivered again at once, before those behind it. */
  | { readonly kind: 'release'; readonly delivery: Delivery }
  /**
   * Deliver again at `notBefore` (milliseconds since the epoch; absolute, because settling again must not restart
   * the delay), with `failures` one higher. `meta` replaces the envelope's; an adapter whose native retry cannot
   * carry it may leave it out unless `metaRequired`. On an ordered subscription the key waits for it.
   */
  | {
      readonly kind: 'retry'
      readonly delivery: Delivery
      readonly notBefore: number
      readonly meta: Readonly<Record<string, string>>
      readonly metaRequired: boolean
    }
  /** Into the group's dead-letter queue with `meta` instead of the envelope's: written and confirmed, then acked. */
  | { readonly kind: 'dead'; readonly delivery: Delivery; readonly meta: Readonly<Record<string, string>> }

export type SettlementResult =
  /** Taken over by the adapter; durable after `flush`. */
  | { readonly status: 'done' }
  /** Somebody else's by now. `copied`: our copy had been written before, so there is one more of it. */
  | { readonly status: 'lost'; readonly copied: boolean }
  /** `retryable`: core tries again. `copy: 'maybe'`: a copy may have been written. */
  | {
      readonly status: 'failed'
      readonly error: unknown
      readonly retryable: boolean
      readonly copy: 'none' | 'maybe'
    }

/** Core's side of a subscription. All methods are synchronous but `revoking`, and none throws. */
export interface Sink {
  deliver(batch: readonly Delivery[]): void
  /** The result of settlements, in parts, as each part is known. A delivery counts as unsettled until then. */
  settled(batch: readonly Settlement[], result: SettlementResult): void
  /** These lanes will be handed to another member: core releases what waits, settles what runs, then resolves. */
  revoking(lanes: readonly string[], options: { readonly signal: AbortSignal }): Promise<void>
  /** These deliveries are no longer ours (lease over, link gone): their settlement would be refused. */
  lost(what: { readonly lane: string } | { readonly deliveries: readonly Delivery[] } | 'all'): void
  /** `failed`: cannot be restored; the error says why. */
  state(state: 'live' | 'reconnecting' | 'failed', cause?: unknown): void
}

export interface Subscription {
  /** At most `size` deliveries unsettled in core, absolute; 0 pauses. Never exceeded, a change included. */
  window(size: number): void
  /** Settles a batch; results come through `sink.settled`. */
  settle(batch: readonly Settlement[]): void
  /** Records durably that a suspect is about to start: `marks` is one higher when it comes again. */
  mark(deliveries: readonly Delivery[]): Promise<void>
  /** Renews leases to `lease` milliseconds from now; resolves to those that are lost. */
  extend(deliveries: readonly Delivery[], lease: number): Promise<readonly Delivery[]>
  /** Resolves when all settlements so far are durable. */
  flush(options: { readonly signal: AbortSignal }): Promise<void>
  /** No more deliveries; settling still works. */
  stop(options: { readonly signal: AbortSignal }): Promise<void>
  /** Lets go: what is unsettled goes back to the group (an ephemeral subscription is removed). */
  close(options: { readonly signal: AbortSignal }): Promise<void>
}
