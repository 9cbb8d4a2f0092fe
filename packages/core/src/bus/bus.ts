import type { Adapter, ConnectionState } from '../adapter/adapter.ts'
import type { QueueStats } from '../adapter/broker.ts'
import type { Capabilities, CapabilityId } from '../adapter/capabilities.ts'
import type { ForeignHeader } from '../adapter/envelope.ts'
import type { StartPosition } from '../adapter/subscription.ts'
import type { Drift, TopologyMode } from '../adapter/topology.ts'
import type { CloudEvent, CloudEventInput } from '../cloudevents/event.ts'
import type { ItemOutcome, ManualSettlement, TypedDelivery } from '../consuming/delivery.ts'
import type {
  AnyEventContract,
  AnyRequestContract,
  ExtensionInputsOf,
  ExtensionsOf,
  FailuresOf,
  InputOf,
  OutputOf,
  RequestInput,
  RequestOutput,
  ResponseInput,
  ResponseOutput,
  Topic,
} from '../contracts/index.ts'
import type { DeadLetters } from '../dead-letters/dead-letters.ts'
import type { BusError } from '../errors/bus-error.ts'
import type { Instrumentation } from '../instrumentation/instrumentation.ts'
import type { Logger } from '../instrumentation/logger.ts'
import type { HandleMiddleware, PublishMiddleware } from '../instrumentation/middleware.ts'
import type { KillSwitchOptions, RetryPolicyInput } from '../retry/index.ts'
import type { Clock } from '../time/clock.ts'
import type { Random } from '../time/random.ts'

/** Options of {@link createBus}. */
export interface BusOptions {
  /** The `source` of events built from contracts. Default `/`; name your service. */
  readonly source?: string
  /** Separates tenants and environments on one broker. At most 40 characters; default none. */
  readonly prefix?: string
  /** How this process is named to the broker. Default `busbar`. */
  readonly clientName?: string
  /** Capabilities this service cannot do without: checked, all at once, before anything connects. */
  readonly requires?: readonly CapabilityId[]
  /** Topics to provision at start. Others are provisioned at their first use. */
  readonly topics?: readonly Topic[]
  /** Default `declare`. */
  readonly topology?: TopologyMode
  /** The retry policy of every group, unless the group or the contract says otherwise. */
  readonly retry?: RetryPolicyInput
  readonly publishing?: {
    /** Publishes on their way; further ones wait. Default 8,192. */
    readonly maxInFlight?: number
    /** Bytes on their way; further ones wait. Default 64 MiB. */
    readonly maxInFlightBytes?: number
    /** Publishes that may wait; further ones are refused with `PUBLISH_OVERFLOW`. Default 100,000. */
    readonly maxWaiting?: number
    /** Milliseconds until an unconfirmed publish rejects. Default 30,000. */
    readonly timeout?: number
  }
  /** Content mode on the wire. Default: binary where the broker has a CloudEvents binding, structured elsewhere. */
  readonly mode?: 'binary' | 'structured'
  readonly middleware?: {
    readonly publish?: readonly PublishMiddleware[]
    readonly handle?: readonly HandleMiddleware[]
  }
  readonly instrumentation?: Instrumentation
  readonly logger?: Logger
  /** Errors that nobody waits for. Default: the logger's `error`. */
  readonly onError?: (error: BusError, where: string) => void
  /** More adapters by URL scheme, beside the built-in ones: `{ 'acme': url => acme(url) }`. */
  readonly adapters?: Readonly<Record<string, (url: string) => Adapter | Promise<Adapter>>>
  readonly clock?: Clock
  readonly random?: Random
}

/** Options of one publish. */
export interface PublishOptions {
  /** Milliseconds to wait before the event becomes visible. Not together with `notBefore`. */
  readonly delay?: number
  readonly notBefore?: Date
  /** Overrides the contract's key. */
  readonly key?: string
  /** Refuse with `UNROUTABLE` if no group gets it. */
  readonly mustRoute?: boolean
  /** Milliseconds; default the bus's `publishing.timeout`. */
  readonly timeout?: number
  readonly signal?: AbortSignal
  /** Foreign headers to send along. */
  readonly headers?: readonly ForeignHeader[]
  /** Attributes of an event built from a contract: `id`, `subject`, `time`, `expirytime`, extensions. */
  readonly attributes?: EventAttributes
}

/** Attributes to set on an event that core builds. An extension may be a boolean, an int32, a string, bytes, a Date or a URL. */
export type EventAttributes = {
  readonly id?: string
  readonly source?: string
  readonly subject?: string
  readonly time?: string | Date
  readonly [extension: string]: unknown
}

/** A confirmed publish. */
export interface PublishReceipt {
  readonly id: string
  readonly position: string | undefined
  /** The broker already had it. */
  readonly duplicate: boolean
}

/** One entry of {@link Bus.publishBatch}: a contract with its data, or a topic with a whole event. */
export type BatchEntry<C extends AnyEventContract = AnyEventContract> =
  | { readonly contract: C; readonly data: InputOf<C>; readonly options?: PublishOptions }
  | { readonly topic: Topic | string; readonly event: CloudEventInput; readonly options?: PublishOptions }

export type BatchResult =
  | { readonly status: 'confirmed'; readonly receipt: PublishReceipt }
  | { readonly status: 'failed'; readonly error: BusError }

export interface ConsumeOptions {
  /** The group of competing consumers. Absent: ephemeral broadcast. */
  readonly group?: string
  /** Where a new group begins. Default `new`. */
  readonly start?: StartPosition
  /** Handlers (of batches: calls) that run at the same time. Default 16. Not for streams, which are pulled. */
  readonly concurrency?: number
  /** The most deliveries held unsettled, running ones included. Default 4 × concurrency. */
  readonly prefetch?: number
  readonly retry?: RetryPolicyInput
  /** Pauses the subscription while its downstream fails. Off by default. */
  readonly killSwitch?: KillSwitchOptions | boolean
  /** Events of a type that no handler names. Default `ack`, counted. Raw topics name every type. */
  readonly unhandled?: 'ack' | 'dead-letter' | 'retry'
  /** Milliseconds a delivery is ours before it must be renewed; renewal is automatic. Default 30,000. */
  readonly lease?: number
}

export interface BatchOptions extends ConsumeOptions {
  readonly batch: {
    /** The most items in one call. */
    readonly max: number
    /** Milliseconds to wait for more once there is one. Default 0: what is there. */
    readonly wait?: number
  }
}

/** A contract, several of them, or a topic of raw events. */
export type Target = AnyEventContract | readonly [AnyEventContract, ...AnyEventContract[]] | Topic | string

/** The delivery a target's handler gets: of several contracts, a union told apart by `type`. */
export type DeliveryOf<T extends Target> = T extends readonly (infer C)[]
  ? C extends AnyEventContract
    ? TypedDelivery<C['type'], OutputOf<C>, ExtensionsOf<C>>
    : never
  : T extends AnyEventContract
    ? TypedDelivery<T['type'], OutputOf<T>, ExtensionsOf<T>>
    : TypedDelivery

export type Handler<T extends Target> = (delivery: DeliveryOf<T>) => unknown

/** Undefined acks all. An array has an outcome for each item; one that is missing is retried. A throw fails all. */
export type BatchHandler<T extends Target> = (
  deliveries: readonly DeliveryOf<T>[],
) => BatchOutcome | Promise<BatchOutcome>

// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement returns void.
type BatchOutcome = void | readonly (ItemOutcome | undefined)[]

export interface SubscriptionStats {
  /** Deliveries held, running ones included. */
  readonly held: number
  readonly running: number
  readonly handled: number
  readonly retried: number
  readonly deadLettered: number
  readonly released: number
  readonly ignored: number
  /** Acked because no handler names their type. */
  readonly unhandled: number
  readonly expired: number
  /** Dropped by a broadcast subscription after its last attempt. */
  readonly dropped: number
  /** Deliveries that were taken away while held. */
  readonly lost: number
  /** Start of the oldest running handler, milliseconds since the epoch. */
  readonly oldestStart: number | undefined
}

export type SubscriptionState =
  | 'live'
  | 'paused'
  | 'tripped'
  | 'reconnecting'
  | 'failed'
  | 'draining'
  | 'closed'

/** What `subscribe` and `respond` give back. */
export interface BusSubscription extends AsyncDisposable {
  readonly topic: string
  readonly group: string | undefined
  readonly state: SubscriptionState
  readonly stats: SubscriptionStats
  /** Takes no more; what runs goes on, what waits is released. The broker session stays. */
  pause(): void
  resume(): void
  /**
   * Takes effect at once; running handlers are not cut short. Up to the prefetch the subscription was made with.
   * @throws BusError INVALID_OPTIONS, SUBSCRIPTION_CLOSED.
   */
  setConcurrency(concurrency: number): void
  /** Finishes what runs, releases the rest, closes. Aborts handlers at `deadline` milliseconds (default 30,000). */
  drain(options?: { readonly deadline?: number }): Promise<void>
  /** Aborts handlers and closes; what was unsettled goes back to the group. */
  close(): Promise<void>
}

/** An async iteration with settlement by hand. Leaving the loop closes it; what is unsettled goes back. */
export interface EventStream<D> extends AsyncIterable<D>, AsyncDisposable {
  /** Resolves when the next published event will be seen. Iterating waits for it by itself. */
  ready(): Promise<void>
  readonly stats: SubscriptionStats
  close(): Promise<void>
}

export interface RequestOptions {
  /** Milliseconds until `REQUEST_TIMEOUT`. Default the contract's, else 10,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal
  readonly headers?: readonly ForeignHeader[]
  readonly attributes?: EventAttributes
}

export interface RespondOptions {
  readonly group: string
  /** Default 16. */
  readonly concurrency?: number
}

export interface RequestDelivery<C extends AnyRequestContract> {
  readonly input: RequestOutput<C>
  readonly event: CloudEvent
  readonly topic: string
  readonly group: string
  readonly headers: readonly ForeignHeader[]
  /** Aborts at the requester's deadline, and when the bus is forced to stop. */
  readonly signal: AbortSignal
  /** Answers with a declared error. Throws, so nothing after it runs. */
  fail<Name extends keyof FailuresOf<C> & string>(name: Name, data: FailuresOf<C>[Name]): never
}

export type Responder<C extends AnyRequestContract> = (
  request: RequestDelivery<C>,
) => ResponseInput<C> | Promise<ResponseInput<C>>

export interface Health {
  /** `live` only when the connection and every subscription are. */
  readonly status: 'live' | 'degraded' | 'closed'
  readonly connection: ConnectionState
  readonly subscriptions: readonly {
    readonly topic: string
    readonly group: string | undefined
    readonly state: SubscriptionState
    readonly running: number
    /** Milliseconds the oldest running handler has been at it. */
    readonly oldestRunning: number | undefined
    /** A handler has been running for longer than 10 leases without an end in sight. */
    readonly stuck: boolean
  }[]
}

export interface BusStats {
  readonly published: number
  readonly publishFailed: number
  /** Sent again because the confirmation was lost. */
  readonly publishRetried: number
  readonly publishing: number
  readonly requests: {
    readonly sent: number
    readonly pending: number
    readonly timedOut: number
    readonly lateReplies: number
  }
  readonly subscriptions: readonly ({
    readonly topic: string
    readonly group: string | undefined
  } & SubscriptionStats)[]
}

/** A connection to one broker. Made by `createBus`. */
export interface Bus extends AsyncDisposable {
  readonly adapter: string
  /** The server's name and version. */
  readonly server: string
  readonly capabilities: Capabilities

  /**
   * Publishes the data of a contract, or a whole event to a topic, and resolves when the broker has confirmed it.
   * @throws BusError INVALID_EVENT, SCHEMA_VIOLATION, PAYLOAD_TOO_LARGE, KEY_REQUIRED, RESERVED_HEADER, ILLEGAL_NAME or
   *   CAPABILITY_UNSUPPORTED before anything is sent; PUBLISH_FAILED (surely not stored), PUBLISH_UNKNOWN (may be
   *   stored), UNROUTABLE, PUBLISH_OVERFLOW, BUS_CLOSED or ABORTED after.
   */
  publish<C extends AnyEventContract>(
    contract: C,
    data: InputOf<C>,
    options?: PublishOptions & { readonly attributes?: ExtensionInputsOf<C> },
  ): Promise<PublishReceipt>
  publish(topic: Topic | string, event: CloudEventInput, options?: PublishOptions): Promise<PublishReceipt>

  /** Publishes many; resolves to a result per entry, in order. Rejects only for bad arguments or a closed bus. */
  publishBatch<C extends AnyEventContract>(entries: readonly BatchEntry<C>[]): Promise<readonly BatchResult[]>

  /**
   * Hands events to `handler`: resolve acks, throw retries. Resolves when the next published event will be seen.
   * One call per topic and group in a bus.
   * @throws BusError INVALID_OPTIONS, ILLEGAL_NAME, ALREADY_SUBSCRIBED, CAPABILITY_UNSUPPORTED, TOPIC_CONFLICT, BUS_CLOSED.
   */
  subscribe<const T extends Target>(
    target: T,
    options: ConsumeOptions,
    handler: Handler<T>,
  ): Promise<BusSubscription>

  /** As `subscribe`, several events a call, with an outcome for each. Not on ordered topics: see `docs/contracts.md`. */
  subscribeBatch<const T extends Target>(
    target: T,
    options: BatchOptions,
    handler: BatchHandler<T>,
  ): Promise<BusSubscription>

  /** Events in batches, each settled by hand. */
  stream<const T extends Target>(
    target: T,
    options: Omit<BatchOptions, 'concurrency'>,
  ): EventStream<readonly (DeliveryOf<T> & ManualSettlement)[]>
  /** Events one by one, settled by hand. */
  stream<const T extends Target>(
    target: T,
    options: Omit<ConsumeOptions, 'concurrency'>,
  ): EventStream<DeliveryOf<T> & ManualSettlement>

  /**
   * Asks and waits for the answer. Never retried.
   * @throws BusError REQUEST_TIMEOUT, REQUEST_FAILED (a declared failure: `contract.isFailure`), REMOTE_FAILURE, NO_RESPONDER,
   *   SCHEMA_VIOLATION, INVALID_REPLY, CONNECTION_LOST, ABORTED.
   */
  request<C extends AnyRequestContract>(
    contract: C,
    input: RequestInput<C>,
    options?: RequestOptions,
  ): Promise<ResponseOutput<C>>
  respond<C extends AnyRequestContract>(
    contract: C,
    options: RespondOptions,
    responder: Responder<C>,
  ): Promise<BusSubscription>

  /** The dead-letter queue of one topic and group. */
  deadLetters(topic: Topic | string | AnyEventContract, group: string): DeadLetters

  /** The broker's numbers for one topic and group. */
  queueStats(topic: Topic | string | AnyEventContract, group: string): Promise<QueueStats>
  readonly stats: BusStats
  readonly health: Health

  /** Compares what this bus uses with what the broker has; changes nothing. */
  verifyTopology(): Promise<readonly Drift[]>

  /** Resolves once all publishes so far have settled. */
  flush(): Promise<void>
  /**
   * Stops taking, finishes handlers, settles, releases what was not started, flushes publishes, closes.
   * Returns within `deadline` milliseconds (default 30,000) even if the broker is down; handlers still running then are
   * aborted and their events go back uncounted.
   * @throws BusError DRAIN_TIMEOUT when something had to be abandoned; the bus is closed all the same.
   */
  drain(options?: { readonly deadline?: number }): Promise<void>
  /** Closes now: handlers are aborted, unconfirmed publishes reject. Twice is fine. */
  close(): Promise<void>
}
