import type { Broker } from '../adapter/broker.ts'
import type { CapabilityId } from '../adapter/capabilities.ts'
import type { StartPosition, Subscription, SubscriptionSpec } from '../adapter/subscription.ts'
import { BatchProcessor } from '../consuming/batch-processor.ts'
import type { BatchOptions, ConsumeOptions } from '../consuming/consume-options.ts'
import { type DispatchTable, dispatchTable } from '../consuming/dispatch-table.ts'
import { Engine, type EngineOptions } from '../consuming/engine.ts'
import { EventProcessor } from '../consuming/event-processor.ts'
import { eventStream, StreamProcessor } from '../consuming/event-stream.ts'
import { Preparation } from '../consuming/preparation.ts'
import type { PreparedDelivery } from '../consuming/prepared-delivery.ts'
import type { Processor } from '../consuming/processor.ts'
import type { BusSubscription, EventStream, SubscriptionStats } from '../consuming/subscription.ts'
import { gateFor, type SuspectGate } from '../consuming/suspect-gate.ts'
import { isPattern, type Topic } from '../contracts/index.ts'
import { BusError, issuesError } from '../errors/bus-error.ts'
import type { Instrumentation } from '../instrumentation/instrumentation.ts'
import type { HandleMiddleware } from '../instrumentation/middleware.ts'
import { checkGroupName } from '../names/index.ts'
import { checkOptions } from '../options/index.ts'
import { type KillSwitchOptions, type RetryPolicyInput, retryIssues } from '../retry/index.ts'
import type { Clock } from '../time/clock.ts'
import type { Random } from '../time/random.ts'
import { type Demand, requireAll, topicDemands } from './capabilities.ts'
import { CONSUME_SPECS } from './option-specs.ts'
import { BusSubscriptionHandle } from './subscription-handle.ts'
import type { TopicRegistry } from './topic-registry.ts'

const DEFAULT_CONCURRENCY = 16
const DEFAULT_LEASE = 30_000

export interface SubscriptionsOptions {
  readonly adapter: string
  readonly broker: Broker
  readonly topics: TopicRegistry
  readonly retry: RetryPolicyInput | undefined
  readonly middleware: readonly HandleMiddleware[]
  readonly instrumentation: Instrumentation | undefined
  readonly clock: Clock
  readonly random: Random
  readonly onError: (error: BusError, where: string) => void
  readonly guard: <T>(where: string, run: () => T) => T | undefined
}

interface Plan {
  readonly table: DispatchTable
  readonly options: ConsumeOptions
  readonly ordered: boolean
  readonly partitions: number
  readonly concurrency: number
  readonly prefetch: number
}

const EMPTY_STATS: SubscriptionStats = {
  held: 0,
  running: 0,
  handled: 0,
  retried: 0,
  deadLettered: 0,
  released: 0,
  ignored: 0,
  unhandled: 0,
  expired: 0,
  dropped: 0,
  lost: 0,
  oldestStart: undefined,
}

/** The subscriptions of one bus: checks what is asked for, opens them at the broker, and keeps them by topic and group. */
export class Subscriptions {
  readonly #o: SubscriptionsOptions
  readonly #gate: SuspectGate
  readonly #open = new Set<BusSubscriptionHandle>()
  /** Topic and group pairs in use, from before their subscription is open. */
  readonly #taken = new Set<string>()
  #closed = false

  constructor(options: SubscriptionsOptions) {
    this.#o = options
    this.#gate = gateFor(options.clock)
  }

  get all(): readonly BusSubscriptionHandle[] {
    return [...this.#open]
  }

  async subscribe(target: unknown, options: ConsumeOptions, handler: unknown): Promise<BusSubscription> {
    const plan = this.#plan('subscribe', target, options, undefined)
    assertHandler(handler)
    const preparation = this.#preparation(plan)
    const processor = new EventProcessor({
      preparation,
      handler: handler as (delivery: PreparedDelivery) => unknown,
      middleware: this.#o.middleware,
      instrumentation: this.#o.instrumentation,
      guard: this.#o.guard,
    })
    return this.#openEvents(plan, processor)
  }

  async subscribeBatch(target: unknown, options: BatchOptions, handler: unknown): Promise<BusSubscription> {
    const plan = this.#plan('subscribeBatch', target, options, options?.batch)
    assertHandler(handler)
    const processor = new BatchProcessor({
      preparation: this.#preparation(plan),
      handler: handler as (deliveries: readonly PreparedDelivery[]) => unknown,
      max: options.batch.max,
      wait: options.batch.wait ?? 0,
    })
    return this.#openEvents(plan, processor)
  }

  stream(target: unknown, options: ConsumeOptions | BatchOptions): EventStream<unknown> {
    const batch =
      options !== null && typeof options === 'object' && 'batch' in options ? options.batch : undefined
    const plan = this.#plan(batch === undefined ? 'stream' : 'streamBatch', target, options, batch)
    const preparation = this.#preparation(plan)
    const processor = new StreamProcessor(
      preparation,
      batch === undefined ? { max: 1, wait: 0 } : { max: batch.max, wait: batch.wait ?? 0 },
    )
    const opening = this.#openEvents(plan, processor)
    // The error is thrown by ready() and by the iteration; until one of them is called it must not end the process.
    opening.catch(() => {})
    return eventStream<unknown>(
      opening,
      processor,
      deliveries => (batch === undefined ? deliveries[0] : deliveries),
      EMPTY_STATS,
    )
  }

  /** Opens a subscription for a responder; the caller brings its processor. */
  async openRequests(
    topic: string,
    group: string,
    concurrency: number,
    processor: Processor,
  ): Promise<BusSubscription> {
    return this.#openAs(
      {
        kind: 'requests',
        topic,
        group,
        start: 'new',
        ordering: 'none',
        partitions: 1,
        lease: DEFAULT_LEASE,
        maxWindow: concurrency * 4,
      },
      { concurrency, prefetch: concurrency * 4, killSwitch: undefined, gated: false, processor },
      () => this.#o.topics.ensureGroup({ kind: 'requests', topic, group }, undefined),
    )
  }

  /** No further subscriptions; those that are there are the caller's to close. */
  end(): void {
    this.#closed = true
  }

  #plan(
    way: keyof typeof CONSUME_SPECS,
    target: unknown,
    options: ConsumeOptions,
    batch: { readonly max: number } | undefined,
  ): Plan {
    checkOptions(`${way.startsWith('stream') ? 'stream' : way} options`, options, CONSUME_SPECS[way])
    const retryProblems = options.retry === undefined ? [] : retryIssues(options.retry)
    if (retryProblems.length > 0) throw issuesError('INVALID_OPTIONS', 'subscribe options', retryProblems)
    if (options.group !== undefined) checkGroupName(options.group)
    const table = dispatchTable(target, [this.#o.retry, options.retry])
    const pattern = isPattern(table.name)
    const state = pattern ? undefined : this.#o.topics.register(table.topic ?? table.name)
    const ordered = state?.topic.ordered ?? false
    if (ordered && batch !== undefined) {
      throw new BusError('INVALID_OPTIONS', 'subscribe options: batch: cannot be used on an ordered topic', {
        field: 'batch',
        remedy: 'handle ordered events one by one: a failing one must hold back those of its key behind it',
      })
    }
    const concurrency = options.concurrency ?? DEFAULT_CONCURRENCY
    const least = batch?.max ?? 1
    const prefetch = options.prefetch ?? Math.max(concurrency * 4, least * 2)
    if (prefetch < Math.max(least, 1)) {
      throw new BusError(
        'INVALID_OPTIONS',
        `subscribe options: prefetch: ${prefetch} is less than a batch of ${least}`,
        {
          field: 'prefetch',
          remedy: `make it at least ${least}, or leave it out`,
        },
      )
    }
    this.#requireCapabilities(options, state?.topic)
    return { table, options, ordered, partitions: state?.topic.partitions ?? 1, concurrency, prefetch }
  }

  #requireCapabilities(options: ConsumeOptions, topic: Topic | undefined): void {
    const demands: Demand[] = [
      options.group === undefined
        ? { id: 'subscribe.broadcast', field: 'group' }
        : { id: 'subscribe.group', field: 'group' },
    ]
    if (topic === undefined) demands.push({ id: 'subscribe.wildcard', field: 'target' })
    else demands.push(...topicDemands(topic, 'target'))
    const replay = replayCapability(options.start)
    if (replay !== undefined) demands.push({ id: replay, field: 'start' })
    requireAll(this.#o.adapter, this.#o.broker.capabilities, demands)
  }

  #preparation(plan: Plan): Preparation {
    return new Preparation({
      table: plan.table,
      group: plan.options.group,
      unhandled: plan.options.unhandled ?? 'ack',
      clock: this.#o.clock,
      random: this.#o.random,
      onError: this.#o.onError,
    })
  }

  #openEvents(plan: Plan, processor: Processor): Promise<BusSubscriptionHandle> {
    const { options, table } = plan
    const { group } = options
    const state = isPattern(table.name) ? undefined : this.#o.topics.register(table.name)
    const spec: SubscriptionSpec = {
      kind: 'events',
      topic: table.name,
      ...(group === undefined ? {} : { group }),
      start: options.start ?? 'new',
      ordering: plan.ordered ? 'key' : 'none',
      partitions: plan.partitions,
      lease: options.lease ?? DEFAULT_LEASE,
      maxWindow: Math.max(plan.prefetch, 1),
    }
    const killSwitch: KillSwitchOptions | undefined =
      options.killSwitch === true ? {} : options.killSwitch === false ? undefined : options.killSwitch
    return this.#openAs(
      spec,
      {
        concurrency: plan.concurrency,
        prefetch: plan.prefetch,
        killSwitch,
        gated: true,
        processor,
        budget: table.budget,
      },
      async () => {
        if (group !== undefined)
          await this.#o.topics.ensureGroup({ kind: 'events', topic: table.name, group }, state)
        else if (state !== undefined) await this.#o.topics.ensure(state)
      },
    )
  }

  async #openAs(
    spec: SubscriptionSpec,
    own: Pick<EngineOptions, 'concurrency' | 'prefetch' | 'killSwitch' | 'gated' | 'processor'> & {
      readonly budget?: EngineOptions['budget']
    },
    provision: () => Promise<void>,
  ): Promise<BusSubscriptionHandle> {
    const taken = `${spec.kind} ${spec.topic} ${spec.group ?? ''}`
    this.#assertFree(spec, taken)
    if (spec.group !== undefined) this.#taken.add(taken)
    const { broker, clock, instrumentation, onError, guard } = this.#o
    let engine: Engine | undefined
    try {
      await provision()
      const engineOn = (subscription: Subscription) => {
        engine = new Engine(subscription, {
          ...own,
          budget: own.budget,
          topic: spec.topic,
          group: spec.group,
          ordered: spec.ordering === 'key',
          lease: spec.lease,
          clock,
          gate: this.#gate,
          onError,
          onSettled:
            instrumentation?.settled === undefined
              ? undefined
              : (held, as, reason) =>
                  guard('instrumentation.settled', () =>
                    instrumentation.settled?.({
                      topic: held.delivery.topic,
                      group: spec.group,
                      type: held.delivery.envelope?.attributes.type,
                      as,
                      attempt: held.attempt,
                      ...(reason === undefined ? {} : { reason }),
                    }),
                  ),
        })
        return engine
      }
      await broker.subscribe(spec, engineOn)
    } catch (error) {
      this.#taken.delete(taken)
      engine?.discard()
      throw error
    }
    if (engine === undefined) throw new BusError('INTERNAL', 'the adapter subscribed without making a sink')
    const handle = new BusSubscriptionHandle(spec, engine, () => {
      this.#open.delete(handle)
      this.#taken.delete(taken)
    })
    this.#open.add(handle)
    if (this.#closed) {
      await handle.close()
      throw busClosed()
    }
    engine.start()
    return handle
  }

  #assertFree(spec: SubscriptionSpec, taken: string): void {
    if (this.#closed) throw busClosed()
    if (!this.#taken.has(taken)) return
    throw new BusError(
      'ALREADY_SUBSCRIBED',
      `"${spec.topic}" already has a subscription of group "${spec.group}" in this bus`,
      {
        field: 'group',
        remedy: 'name all contracts in one subscribe call, use another group, or raise its concurrency',
      },
    )
  }
}

const busClosed = () =>
  new BusError('BUS_CLOSED', 'the bus is closed', {
    remedy: 'subscribe before drain() or close(), or create a new bus',
  })

const replayCapability = (start: StartPosition | undefined): CapabilityId | undefined => {
  if (start === undefined || start === 'new') return undefined
  if (start === 'earliest') return 'replay.earliest'
  return 'time' in start ? 'replay.time' : 'replay.position'
}

function assertHandler(handler: unknown): void {
  if (typeof handler === 'function') return
  throw new BusError('INVALID_OPTIONS', 'subscribe: handler: is not a function', {
    field: 'handler',
    remedy: 'pass the function that handles a delivery',
  })
}
