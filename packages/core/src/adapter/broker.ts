import type { BusError } from '../errors/bus-error.ts'
import type { Capabilities } from './capabilities.ts'
import type { DeadLetterQuery, DeadLetterSession } from './dead-letters.ts'
import type { Envelope } from './envelope.ts'
import type { Delivery, Sink, Subscription, SubscriptionSpec } from './subscription.ts'
import type { Drift, Topology, TopologyMode } from './topology.ts'

/** Where a reply goes; opaque to core, see {@link Broker.acceptsReplyTo}. */
export type ReplyAddress = string

/** Where a message goes. */
export type Destination =
  /** To every group of the topic. */
  | { readonly kind: 'topic'; readonly topic: string; readonly partition: number }
  /** Into one group's private inbox alone: a redrive. */
  | { readonly kind: 'inbox'; readonly topic: string; readonly group: string; readonly partition: number }
  /** To one member of each group that responds on the topic; need not outlive `expiresAt`, nor a restart. */
  | { readonly kind: 'request'; readonly topic: string }
  /** To a requester; need not be stored. */
  | { readonly kind: 'reply'; readonly address: ReplyAddress }

/** One message to publish. */
export interface Outgoing {
  readonly to: Destination
  readonly envelope: Envelope
  /** The event's key: its record key or message group, where the broker has one. Must survive retries and dead letters. */
  readonly key?: string
  /**
   * The same for each try of one publish, different for any other: a hash of topic, source, id and purpose. Absent on
   * requests and replies, which are sent once.
   */
  readonly dedupeId?: string | undefined
  /** Milliseconds since the epoch; not delivered before. */
  readonly notBefore?: number
  /** Milliseconds since the epoch; the broker may drop it after. Core checks again before handling. */
  readonly expiresAt?: number
  /** Refuse with `UNROUTABLE` when no group receives it. Set only where `publish.must-route` is supported. */
  readonly mustRoute?: boolean
  readonly replyTo?: ReplyAddress
  readonly requestId?: string
}

/** What became of one message. */
export type PublishResult =
  /** Confirmed: stored as durably as the topology says. */
  | { readonly status: 'confirmed'; readonly position?: string; readonly duplicate?: boolean }
  /** Surely not stored. `error.retryable` says whether the same message may succeed later. */
  | { readonly status: 'failed'; readonly error: BusError }
  /** May be stored: the link died before the confirmation. Core sends it again under the same `dedupeId`. */
  | { readonly status: 'unknown'; readonly cause: unknown }

/** How core may publish. Data, resolved after connect. */
export interface PublishLimits {
  /** Batches handed to `publish` and not yet answered. */
  readonly batchesInFlight: number
  /** Messages in one batch. */
  readonly batchSize: number
  /** Bytes of body, attributes and headers in one batch. */
  readonly batchBytes: number
  /** Bytes of one message as {@link Broker.sizeOf} counts them; a larger one is refused with `PAYLOAD_TOO_LARGE`. */
  readonly messageBytes: number
}

/** Numbers of one topic and group as the broker knows them; what it cannot tell is left out. */
export interface QueueStats {
  /** Waiting for a member, retries that are due included. */
  readonly ready?: number
  /** With a member, unsettled. */
  readonly inFlight?: number
  /** Waiting for their delay or backoff. */
  readonly delayed?: number
  /** Published and not yet settled by this group, where the broker tells positions rather than depths. */
  readonly lag?: number
  readonly dead?: number
  /** False when the broker only estimates. */
  readonly exact: boolean
}

/**
 * A connected broker: what an adapter implements. Core calls nothing here after `close`. No method throws
 * synchronously; promises reject with a BusError, and settle within a bounded time whatever the broker does.
 */
export interface Broker {
  readonly capabilities: Capabilities
  /** The server's name and version, for reports: `memory 1`, `RabbitMQ 4.0.5`. */
  readonly server: string
  readonly limits: PublishLimits

  /** The size of one message as the broker's limit counts it. */
  sizeOf(message: Outgoing): number

  /**
   * Publishes a batch in order, one result per message in the same order. Never rejects. Messages of one
   * ordered batch share a topic; they are stored in order, and a failed one fails those of its key behind it.
   */
  publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]>

  /**
   * Starts delivering into `sink(subscription)`. Resolves once the next published event will be seen and, for a
   * new group, its position is stored. The sink is made from the subscription because deliveries arrive
   * before this resolves.
   */
  subscribe(spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink): Promise<Subscription>

  /** An inbox for replies to this process; present when `request.reply` is supported. */
  replies?(deliver: (reply: Delivery) => void): Promise<ReplyInbox>
  /**
   * Whether an address taken from a request lies inside this prefix's reply namespace: a responder never publishes
   * elsewhere. Present when `request.reply` is supported.
   */
  acceptsReplyTo?(address: ReplyAddress): boolean

  /** Creates, or compares, what the topics and groups need on the broker. Never narrows or removes. */
  topology(topology: Topology, mode: TopologyMode): Promise<readonly Drift[]>

  stats(query: { readonly topic: string; readonly group: string }): Promise<QueueStats>

  readonly deadLetters: {
    open(query: DeadLetterQuery): Promise<DeadLetterSession>
    /** Removes all; how many, or null where the broker does not say. */
    purge(query: DeadLetterQuery): Promise<number | null>
  }

  /** Lets go of the connection. Subscriptions are closed by core before. Returns by `signal`'s abort at the latest. */
  close(options: { readonly signal: AbortSignal }): Promise<void>
}

export interface ReplyInbox {
  /** Goes out with each request as its `replyTo`. */
  readonly address: ReplyAddress
  close(): Promise<void>
}
