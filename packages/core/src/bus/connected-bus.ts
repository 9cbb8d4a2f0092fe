import type { ConnectionState } from '../adapter/adapter.ts'
import type { Broker, QueueStats } from '../adapter/broker.ts'
import type { Capabilities } from '../adapter/capabilities.ts'
import type { Drift } from '../adapter/topology.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'
import type { BatchOptions, ConsumeOptions } from '../consuming/consume-options.ts'
import type { BusSubscription, EventStream } from '../consuming/subscription.ts'
import {
  type AnyEventContract,
  type AnyRequestContract,
  isEventContract,
  isPattern,
  isRequestContract,
  isTopic,
  type Topic,
  toTopic,
} from '../contracts/index.ts'
import { DeadLetterQueue } from '../dead-letters/dead-letter-queue.ts'
import type { DeadLetters } from '../dead-letters/dead-letters.ts'
import { BusError, isBusError } from '../errors/bus-error.ts'
import { checkGroupName, checkPattern } from '../names/index.ts'
import { checkOptions } from '../options/index.ts'
import type { EventBuilder } from '../publishing/event-builder.ts'
import type { BatchEntry, BatchResult, PublishOptions, PublishReceipt } from '../publishing/publish.ts'
import { batchEntrySpec, requestOptionsSpec } from '../publishing/publish-options.ts'
import type { PublishQueue } from '../publishing/publish-queue.ts'
import type { Publisher } from '../publishing/publisher.ts'
import type { RequestDelivery, RequestOptions, RespondOptions } from '../requests/request.ts'
import type { Requester } from '../requests/requester.ts'
import { ResponderProcessor } from '../requests/responder.ts'
import type { Clock } from '../time/clock.ts'
import { deadlineIn } from '../time/deadline.ts'
import type { Bus } from './bus.ts'
import { requireCapability, requireRequests } from './capabilities.ts'
import type { BusStats, Health } from './health.ts'
import { drainSpec, respondSpec } from './option-specs.ts'
import { DEFAULT_DEADLINE } from './subscription-handle.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { TopicRegistry } from './topic-registry.ts'

export interface BusParts {
  readonly adapter: string
  readonly broker: Broker
  readonly clock: Clock
  readonly topics: TopicRegistry
  readonly queue: PublishQueue
  readonly publisher: Publisher
  readonly subscriptions: Subscriptions
  readonly requester: Requester
  readonly builder: EventBuilder
  readonly connection: { readonly state: ConnectionState }
  readonly publishTimeout: number
  readonly onError: (error: BusError, where: string) => void
}

/** A handler that has been at it for this many leases is reported as stuck. */
const STUCK_AFTER_LEASES = 10

/** How long a close waits for the connection, in milliseconds; a drain has its deadline. */
const GOODBYE = 2_000

/** The bus that `createBus` gives out: checks arguments, and hands each call to the part that does it. */
export class ConnectedBus implements Bus {
  readonly adapter: string
  readonly server: string
  readonly capabilities: Capabilities
  readonly #p: BusParts
  #phase: 'open' | 'draining' | 'closed' = 'open'
  #closing: Promise<void> | undefined
  readonly #hurry = new AbortController()

  constructor(parts: BusParts) {
    this.#p = parts
    this.adapter = parts.adapter
    this.server = parts.broker.server
    this.capabilities = parts.broker.capabilities
  }

  publish(
    target: AnyEventContract | Topic | string,
    payload: unknown,
    options?: PublishOptions,
  ): Promise<PublishReceipt> {
    // Not async: a publish that goes out at once costs the queue's promise alone.
    try {
      if (this.#phase === 'closed') throw busClosed()
      return isEventContract(target)
        ? this.#p.publisher.publishContract(target, payload, options)
        : this.#p.publisher.publishEvent(assertTopic(target), payload as CloudEventInput, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async publishBatch(entries: readonly BatchEntry[]): Promise<readonly BatchResult[]> {
    if (this.#phase === 'closed') throw busClosed()
    if (!Array.isArray(entries)) {
      throw new BusError('INVALID_OPTIONS', 'publishBatch: entries: is not an array', {
        field: 'entries',
        remedy: 'pass a list of entries',
      })
    }
    for (const [i, entry] of entries.entries()) checkOptions(`publishBatch entry ${i}`, entry, batchEntrySpec)
    const sent = entries.map(entry =>
      'contract' in entry
        ? this.publish(entry.contract, entry.data, entry.options)
        : this.publish(entry.topic, entry.event, entry.options),
    )
    return (await Promise.allSettled(sent)).map(result =>
      result.status === 'fulfilled'
        ? { status: 'confirmed', receipt: result.value }
        : { status: 'failed', error: asBusError(result.reason) },
    )
  }

  async subscribe(target: unknown, options: ConsumeOptions, handler: unknown): Promise<BusSubscription> {
    this.#assertOpen()
    return this.#p.subscriptions.subscribe(target, options, handler)
  }

  async subscribeBatch(target: unknown, options: BatchOptions, handler: unknown): Promise<BusSubscription> {
    this.#assertOpen()
    return this.#p.subscriptions.subscribeBatch(target, options, handler)
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of Bus give each call its type.
  stream(target: unknown, options: ConsumeOptions | BatchOptions): EventStream<any> {
    this.#assertOpen()
    return this.#p.subscriptions.stream(target, options)
  }

  // biome-ignore lint/suspicious/noExplicitAny: the signature in Bus gives each call its type.
  request(contract: AnyRequestContract, input: unknown, options: RequestOptions = {}): Promise<any> {
    // Not async, as in `publish`: a request costs one promise.
    try {
      this.#assertNotClosed()
      assertRequestContract(contract)
      checkOptions('request options', options, requestOptionsSpec)
      requireRequests(this.adapter, this.capabilities, contract.topic, 'request')
      return this.#p.requester.request(contract, input, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async respond(
    contract: AnyRequestContract,
    options: RespondOptions,
    // biome-ignore lint/suspicious/noExplicitAny: the signature in Bus gives each call its type.
    responder: (request: any) => unknown,
  ): Promise<BusSubscription> {
    this.#assertOpen()
    assertRequestContract(contract)
    checkOptions('respond options', options, respondSpec)
    checkGroupName(options.group)
    if (typeof responder !== 'function') {
      throw new BusError('INVALID_OPTIONS', 'respond: responder: is not a function', {
        field: 'responder',
        remedy: 'pass the function that answers',
      })
    }
    requireRequests(this.adapter, this.capabilities, contract.topic, 'respond')
    const { broker, queue, builder, clock, onError, subscriptions } = this.#p
    const processor = new ResponderProcessor({
      contract,
      group: options.group,
      handler: responder as (request: RequestDelivery<AnyRequestContract>) => unknown,
      accepts: address => broker.acceptsReplyTo?.(address) === true,
      queue,
      builder,
      clock,
      onError,
    })
    return subscriptions.openRequests(
      contract.topic.name,
      options.group,
      options.concurrency ?? 16,
      processor,
    )
  }

  deadLetters(topic: Topic | string | AnyEventContract, group: string): DeadLetters {
    this.#assertNotClosed()
    checkGroupName(group)
    requireCapability(this.adapter, this.capabilities, 'dead-letter.store', 'deadLetters')
    const { broker, queue, clock, publishTimeout } = this.#p
    return new DeadLetterQueue({
      adapter: this.adapter,
      broker,
      queue,
      topic: this.#declared(topic),
      assertOpen: () => this.#assertNotClosed(),
      group,
      clock,
      timeout: publishTimeout,
    })
  }

  async queueStats(topic: Topic | string | AnyEventContract, group: string): Promise<QueueStats> {
    this.#assertNotClosed()
    checkGroupName(group)
    return this.#p.broker.stats({ topic: this.#declared(topic).name, group })
  }

  get stats(): BusStats {
    return {
      ...this.#p.queue.stats,
      requests: this.#p.requester.stats,
      subscriptions: this.#p.subscriptions.all.map(s => ({ topic: s.topic, group: s.group, ...s.stats })),
    }
  }

  get health(): Health {
    const now = this.#p.clock.now()
    const connection = this.#phase === 'closed' ? 'closed' : this.#p.connection.state
    const subscriptions = this.#p.subscriptions.all.map(s => {
      const { running, oldestStart } = s.stats
      const oldestRunning = oldestStart === undefined ? undefined : now - oldestStart
      return {
        topic: s.topic,
        group: s.group,
        state: s.state,
        running,
        oldestRunning,
        stuck: oldestRunning !== undefined && oldestRunning > STUCK_AFTER_LEASES * s.lease,
      }
    })
    // Paused on request is healthy; tripped, reconnecting, failed and stuck are not.
    const well = subscriptions.every(s => !s.stuck && (s.state === 'live' || s.state === 'paused'))
    const status =
      connection === 'closed'
        ? 'closed'
        : connection === 'live' && well && this.#phase === 'open'
          ? 'live'
          : 'degraded'
    return { status, connection, subscriptions }
  }

  async verifyTopology(): Promise<readonly Drift[]> {
    this.#assertNotClosed()
    requireCapability(this.adapter, this.capabilities, 'topology.verify', 'verifyTopology')
    return this.#p.broker.topology(this.#p.topics.topology, 'verify')
  }

  async flush(): Promise<void> {
    // Both look at what is there now: later publishes are not waited for.
    await Promise.all([this.#p.publisher.settled(), this.#p.queue.flush()])
  }

  drain(options: { readonly deadline?: number } = {}): Promise<void> {
    try {
      checkOptions('drain options', options, drainSpec)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#closing ??= this.#drain(options.deadline ?? DEFAULT_DEADLINE)
    return this.#closing
  }

  close(): Promise<void> {
    // A drain that is under way is cut short: its handlers are aborted, and it ends at once.
    this.#hurry.abort()
    if (this.#phase === 'draining')
      for (const subscription of this.#p.subscriptions.all) void subscription.close()
    this.#closing ??= this.#drain(0)
    return this.#closing.catch(error => {
      if (!isBusError(error, 'DRAIN_TIMEOUT')) throw error
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** With `ms` 0, a close: nothing is waited for but the adapter's goodbye. */
  async #drain(ms: number): Promise<void> {
    const { subscriptions, queue, requester, broker, clock } = this.#p
    const hurry = this.#hurry.signal
    using deadline = deadlineIn(clock, ms, { signal: hurry, grace: 0 })
    using goodbye = deadlineIn(clock, ms === 0 ? GOODBYE : ms, { signal: hurry, grace: GOODBYE })
    this.#phase = 'draining'
    subscriptions.end()
    let timedOut: BusError | undefined
    const left = (until: number) => Math.max(0, until - clock.now())
    const end = clock.now() + ms
    // Handlers may publish and ask until they have ended, so subscriptions go first. Each keeps the deadline by itself.
    await Promise.all(
      subscriptions.all.map(subscription =>
        (ms === 0 ? subscription.close() : subscription.drain({ deadline: left(end) })).catch(error => {
          if (isBusError(error, 'DRAIN_TIMEOUT')) timedOut ??= error
          else this.#p.onError(asBusError(error), 'drain')
        }),
      ),
    )
    let unconfirmed = 0
    if (ms > 0) {
      await deadline.race(this.flush(), undefined)
      unconfirmed = Math.max(queue.stats.publishing, this.#p.publisher.preparing)
    }
    this.#phase = 'closed'
    await goodbye.race(requester.close(), undefined)
    queue.close()
    await goodbye.race(
      broker.close({ signal: goodbye.signal }).catch(error => this.#p.onError(asBusError(error), 'close')),
      undefined,
    )
    if (timedOut !== undefined) throw timedOut
    if (unconfirmed > 0) {
      throw new BusError(
        'DRAIN_TIMEOUT',
        `${unconfirmed} publishes were not confirmed within ${ms} ms; they were rejected`,
        {
          remedy: 'look at the rejections: each says whether its event may be stored',
        },
      )
    }
  }

  #declared(target: Topic | string | AnyEventContract): Topic {
    if (isEventContract(target)) return this.#p.topics.register(target.topic).topic
    if (typeof target === 'string' && isPattern(target)) {
      checkPattern(target)
      return { ...toTopic('pattern'), name: target }
    }
    const topic = assertTopic(target)
    return typeof topic === 'string' ? this.#p.topics.lookup(topic) : this.#p.topics.register(topic).topic
  }

  #assertOpen(): void {
    if (this.#phase !== 'open') throw busClosed()
  }

  #assertNotClosed(): void {
    if (this.#phase === 'closed') throw busClosed()
  }
}

const busClosed = () => new BusError('BUS_CLOSED', 'the bus is closed', { remedy: 'create a new bus' })

const asBusError = (error: unknown): BusError =>
  isBusError(error)
    ? error
    : new BusError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error })

function assertTopic(target: unknown): Topic | string {
  if (typeof target === 'string' || isTopic(target)) return target
  throw new BusError('INVALID_OPTIONS', 'topic: is neither a contract, nor a topic, nor a name', {
    field: 'topic',
    remedy: "pass a value made by event('type', …) or topic('name', …), or a topic's name",
  })
}

function assertRequestContract(contract: unknown): asserts contract is AnyRequestContract {
  if (isRequestContract(contract)) return
  throw new BusError('INVALID_OPTIONS', 'contract: is not a request contract', {
    field: 'contract',
    remedy: "pass a value made by request('type', …)",
  })
}
