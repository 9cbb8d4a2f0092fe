import type {
  AdapterContext,
  Broker,
  BusError,
  Capabilities,
  DeadLetterQuery,
  DeadLetterSession,
  Delivery,
  Drift,
  Outgoing,
  PublishLimits,
  PublishResult,
  QueueStats,
  ReplyAddress,
  ReplyInbox,
  Sink,
  Subscription,
  SubscriptionSpec,
  Topology,
  TopologyMode,
} from '@busbar/core/adapter'
import { capabilitiesFor } from '../capabilities.ts'
import { connectionLost } from '../server/faults.ts'
import type { Namespace } from '../server/namespace.ts'
import { publishBatch } from '../server/publishing.ts'
import type { Server } from '../server/server.ts'
import { applyTopology } from '../server/topology.ts'
import { sizeOf } from '../size.ts'
import { inContentMode } from './content-mode.ts'
import { deadLetterSession } from './dead-letter-session.ts'
import { Link, type LinkEvents } from './link.ts'
import { MemorySubscription } from './subscription.ts'

/** One bus's connection to a memory broker. */
export class Connection implements Broker, LinkEvents {
  readonly capabilities: Capabilities
  readonly server = 'memory 1'
  readonly limits: PublishLimits
  readonly sizeOf = sizeOf
  readonly #broker: Server
  readonly #namespace: Namespace
  readonly #context: AdapterContext
  readonly #link: Link
  readonly #subscriptions = new Set<MemorySubscription>()
  readonly #inboxes = new Set<string>()
  readonly #inMode: (message: Outgoing) => Outgoing

  constructor(broker: Server, context: AdapterContext) {
    this.#broker = broker
    this.#inMode = inContentMode(context.mode)
    this.#context = context
    this.#link = new Link(broker, context.clientName, context.clock, this)
    this.#namespace = broker.namespace(context.prefix)
    const { messageBytes } = broker.options
    this.capabilities = capabilitiesFor(broker.options)
    this.limits = {
      batchesInFlight: 4,
      batchSize: 1_000,
      batchBytes: Math.max(messageBytes, 8 * 2 ** 20),
      messageBytes,
    }
    broker.join(this.#link, context.clock)
    context.onState('live')
  }

  publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    return new Promise(resolve => {
      const all = (result: PublishResult) => resolve(batch.map(() => result))
      const unknown = (cause: BusError) => all({ status: 'unknown', cause })
      this.#link.send({
        kind: 'publish',
        run: answered => {
          const results = publishBatch(
            this.#namespace,
            this.#context.mode === 'structured' ? batch.map(this.#inMode) : batch,
          )
          if (answered) resolve(this.#broker.faults.active ? this.#loseConfirms(results) : results)
        },
        cut: unknown,
        down: error => all({ status: 'failed', error }),
        expired: unknown,
      })
    })
  }

  subscribe(spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink): Promise<Subscription> {
    return this.#link.call(() => {
      const subscription = new MemorySubscription({
        link: this.#link,
        namespace: this.#namespace,
        spec,
        sink,
        onClosed: closed => this.#subscriptions.delete(closed),
        onError: (error, where) => this.#context.onError(error, where),
      })
      this.#subscriptions.add(subscription)
      return subscription
    })
  }

  async replies(deliver: (reply: Delivery) => void): Promise<ReplyInbox> {
    const { inboxes } = this.#namespace
    const address = await this.#link.call(() =>
      inboxes.open(this.#link.name, reply => {
        if (this.#link.state === 'up') deliver(reply)
      }),
    )
    this.#inboxes.add(address)
    return {
      address,
      close: async () => {
        inboxes.close(address)
        this.#inboxes.delete(address)
      },
    }
  }

  acceptsReplyTo(address: ReplyAddress): boolean {
    return this.#namespace.inboxes.accepts(address)
  }

  topology(topology: Topology, mode: TopologyMode): Promise<readonly Drift[]> {
    return this.#link.call(() => applyTopology(this.#namespace, topology, mode))
  }

  stats({ topic, group }: DeadLetterQuery): Promise<QueueStats> {
    return this.#link.call(() => {
      const queue = this.#namespace.groupOrThrow(topic, group)
      const { ready, inFlight, delayed, lag, dead } = queue.stats()
      const scheduled = this.#namespace.scheduledFor(queue)
      return { ready, inFlight, delayed: delayed + scheduled, lag: lag + scheduled, dead, exact: true }
    })
  }

  readonly deadLetters = {
    open: (query: DeadLetterQuery): Promise<DeadLetterSession> =>
      this.#link.call(() => deadLetterSession(this.#link, this.#store(query))),
    purge: (query: DeadLetterQuery): Promise<number> => this.#link.call(() => this.#store(query).purge()),
  }

  async close(_limit: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#link.state === 'closed' || this.#link.state === 'dead') return
    this.#link.close()
    this.#leave()
    this.#context.onState('closed')
  }

  dropped(cause: BusError): void {
    this.#context.onState('reconnecting', cause)
    for (const subscription of [...this.#subscriptions]) subscription.dropped(cause)
  }

  restored(): void {
    for (const subscription of [...this.#subscriptions]) subscription.restored()
    this.#context.onState('live')
  }

  killed(): void {
    this.#leave()
  }

  /** What is left here went without a goodbye. */
  #leave(): void {
    for (const subscription of this.#subscriptions) subscription.killed()
    for (const address of this.#inboxes) this.#namespace.inboxes.close(address)
    this.#subscriptions.clear()
    this.#inboxes.clear()
    this.#broker.leave(this.#link)
  }

  #store({ topic, group }: DeadLetterQuery) {
    return this.#namespace.groupOrThrow(topic, group).deadLetters
  }

  #loseConfirms(results: readonly PublishResult[]): PublishResult[] {
    return results.map(result =>
      result.status === 'confirmed' && this.#broker.faults.confirmLost()
        ? { status: 'unknown', cause: connectionLost() }
        : result,
    )
  }
}
