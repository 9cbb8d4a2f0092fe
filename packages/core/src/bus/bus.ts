import type { QueueStats } from '../adapter/broker.ts'
import type { Capabilities } from '../adapter/capabilities.ts'
import type { Drift } from '../adapter/topology.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'
import type { BatchOptions, ConsumeOptions } from '../consuming/consume-options.ts'
import type { ManualSettlement } from '../consuming/delivery.ts'
import type { BusSubscription, EventStream } from '../consuming/subscription.ts'
import type { BatchHandler, DeliveryOf, Handler, Target } from '../consuming/target.ts'
import type {
  AnyEventContract,
  AnyRequestContract,
  ExtensionInputsOf,
  InputOf,
  RequestInput,
  ResponseOutput,
  Topic,
} from '../contracts/index.ts'
import type { DeadLetters } from '../dead-letters/dead-letters.ts'
import type { BatchEntry, BatchResult, PublishOptions, PublishReceipt } from '../publishing/publish.ts'
import type { RequestOptions, Responder, RespondOptions } from '../requests/request.ts'
import type { BusStats, Health } from './health.ts'

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
