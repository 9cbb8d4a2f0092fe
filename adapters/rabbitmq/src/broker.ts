import type {
  AdapterContext,
  Broker,
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
import { isBusError } from '@busbar/core/adapter'
import { capabilitiesFor } from './capabilities.ts'
import type { ResolvedOptions } from './config/options.ts'
import { Admin } from './connection/admin.ts'
import { Link } from './connection/link.ts'
import { untilAborted, within } from './connection/within.ts'
import { Copies } from './consuming/copies.ts'
import { RabbitSubscription } from './consuming/subscription.ts'
import { noSuchGroup, openDeadLetters } from './dead-letters.ts'
import { linkLost } from './errors.ts'
import { Publisher } from './publishing/publisher.ts'
import { Replying } from './publishing/replying.ts'
import { Routes } from './publishing/routes.ts'
import { Sending } from './publishing/sending.ts'
import { isReplyAddress, Replies } from './replies.ts'
import { Names } from './topology/names.ts'
import { Registry } from './topology/registry.ts'
import { TopologyKeeper } from './topology/topology.ts'
import { sizeOf } from './wire/encode.ts'

/**
 * One bus's connections: one to publish, one to consume, because a broker that is short of memory stops reading from connections
 * that publish, and consumers must be able to ack then.
 */
export class RabbitmqBroker implements Broker {
  readonly capabilities: Capabilities
  readonly limits: PublishLimits
  readonly #options: ResolvedOptions
  readonly #context: AdapterContext
  readonly #names: Names
  readonly #publishing: Link
  readonly #consuming: Link
  readonly #admin: Admin
  readonly #topology: TopologyKeeper
  readonly #routes: Routes
  readonly #sending: Sending
  readonly #events: Publisher
  readonly #requests: Publisher
  readonly #copies: Copies
  readonly #replies: Replies
  readonly #subscriptions = new Set<RabbitSubscription>()
  #consumingOpened: Promise<void> | undefined
  #requesting = false
  #reported: 'live' | 'reconnecting' | 'closed' | undefined
  #server = ''

  static async connect(options: ResolvedOptions, context: AdapterContext): Promise<RabbitmqBroker> {
    const broker = new RabbitmqBroker(options, context)
    await broker.#publishing.open()
    broker.#server = broker.#publishing.serverVersion
    broker.#report()
    return broker
  }

  private constructor(options: ResolvedOptions, context: AdapterContext) {
    const { clock, prefix, mode = 'binary' } = context
    const { operationTimeout, messageBytes } = options
    this.#options = options
    this.#context = context
    this.capabilities = capabilitiesFor(options)
    this.limits = {
      batchesInFlight: 512,
      batchSize: 32,
      batchBytes: Math.max(messageBytes, 2 ** 20),
      messageBytes,
    }
    this.sizeOf = outgoing => sizeOf(outgoing, mode)
    this.#names = new Names(prefix)
    this.#publishing = new Link(options, context, 'publishing', {
      restore: async model => {
        this.#sending.forget()
        await within(clock, operationTimeout, this.#events.restore(model), 'a channel')
        if (this.#requesting)
          await within(clock, operationTimeout, this.#requests.restore(model), 'a channel')
        await this.#topology.restore()
      },
      dropped: cause => this.#report(cause),
      restored: () => this.#report(),
    })
    this.#consuming = new Link(options, context, 'consuming', {
      restore: async model => {
        // Their queues may have gone with the broker: topology comes first, over the other link.
        if (!this.#publishing.up) throw linkLost()
        for (const subscription of [...this.#subscriptions]) await subscription.attach(model)
      },
      dropped: cause => {
        for (const subscription of [...this.#subscriptions]) subscription.detach(cause)
        this.#report(cause)
      },
      restored: () => this.#report(),
    })
    this.#admin = new Admin(this.#publishing, clock, operationTimeout)
    const registry = new Registry(this.#admin, this.#names, clock)
    this.#topology = new TopologyKeeper({
      admin: this.#admin,
      names: this.#names,
      options,
      version: () => this.#server,
      registry,
    })
    this.#replies = new Replies(error => context.onError(error, 'replies'))
    const publisher = { link: this.#publishing, clock, timeout: operationTimeout, messageBytes }
    const onChannelError = (error: unknown) => {
      this.#sending.forget()
      context.logger.debug('RabbitMQ closed a publishing channel', { error })
    }
    this.#events = new Publisher({ ...publisher, onChannelError, patient: true })
    this.#requests = new Publisher({
      ...publisher,
      onChannelError,
      patient: false,
      prepare: channel => this.#replies.prepare(channel),
    })
    this.#routes = new Routes(this.#names, this.#topology, clock, mode)
    this.#sending = new Sending({
      events: this.#events,
      requests: () => this.#requests,
      replying: new Replying(this.#publishing, messageBytes),
      routes: this.#routes,
      topology: this.#topology,
    })
    this.#copies = new Copies({ context, post: posts => this.#events.post(posts) })
  }

  readonly sizeOf: (message: Outgoing) => number

  get server(): string {
    return `RabbitMQ ${this.#server}`
  }

  publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    return this.#sending.publish(batch)
  }

  async subscribe(spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink): Promise<Subscription> {
    await this.#openConsuming()
    await this.#whenUp(this.#consuming)
    const subscription = new RabbitSubscription(
      {
        spec,
        link: this.#consuming,
        context: this.#context,
        timeout: this.#options.operationTimeout,
        names: this.#names,
        topology: this.#topology,
        copies: this.#copies,
        post: posts => this.#events.post(posts),
        onClosed: closed => this.#subscriptions.delete(closed),
      },
      sink,
    )
    await subscription.attach(this.#consuming.model)
    this.#subscriptions.add(subscription)
    return subscription
  }

  async replies(deliver: (reply: Delivery) => void): Promise<ReplyInbox> {
    this.#requesting = true
    return this.#replies.open(deliver)
  }

  acceptsReplyTo(address: ReplyAddress): boolean {
    return isReplyAddress(address)
  }

  topology(topology: Topology, mode: TopologyMode): Promise<readonly Drift[]> {
    return this.#topology.apply(topology, mode)
  }

  async stats({ topic, group }: DeadLetterQuery): Promise<QueueStats> {
    let ready = 0
    for (const queue of this.#topology.queues(topic, group)) {
      const { messageCount } = await this.#admin.run(`queue ${queue}`, channel => channel.checkQueue(queue))
      ready += messageCount
    }
    const name = this.#names.dead(topic, group)
    const { messageCount } = await this.#admin.run(`queue ${name}`, channel => channel.checkQueue(name))
    return { ready, dead: messageCount, exact: true }
  }

  readonly deadLetters = {
    open: async ({ topic, group }: DeadLetterQuery): Promise<DeadLetterSession> => {
      this.#routes.walked(topic, group)
      const { clock } = this.#context
      return asGroup(topic, group, () =>
        openDeadLetters(
          async () => {
            await this.#whenUp(this.#publishing)
            return this.#publishing.model.createChannel()
          },
          this.#names.dead(topic, group),
          topic,
          (promise, what) => within(clock, this.#options.operationTimeout, promise, what),
          clock,
        ),
      )
    },
    purge: async ({ topic, group }: DeadLetterQuery): Promise<number> => {
      const name = this.#names.dead(topic, group)
      return asGroup(topic, group, async () => {
        const { messageCount } = await this.#admin.run(`queue ${name}`, channel => channel.purgeQueue(name))
        return messageCount
      })
    },
  }

  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#admin.close()
    this.#events.close()
    this.#requests.close()
    const closing = Promise.all([this.#publishing.close(signal), this.#consuming.close(signal)])
    await untilAborted(signal, closing)
    if (this.#reported === 'closed') return
    this.#reported = 'closed'
    this.#context.onState('closed')
  }

  /** What is asked during an outage waits for its end, within limits. */
  #whenUp(link: Link): Promise<void> {
    return within(this.#context.clock, this.#options.operationTimeout, link.whenUp(), 'connecting')
  }

  #openConsuming(): Promise<void> {
    this.#consumingOpened ??= this.#consuming.open().then(
      () => this.#report(),
      error => {
        this.#consumingOpened = undefined
        throw error
      },
    )
    return this.#consumingOpened
  }

  #report(cause?: unknown): void {
    const up = this.#publishing.up && (this.#consumingOpened === undefined || this.#consuming.up)
    const state = up ? 'live' : 'reconnecting'
    if (this.#reported === state || this.#reported === 'closed') return
    this.#reported = state
    this.#context.onState(state, cause)
  }
}

/** Where its queue is missing, the group is. */
async function asGroup<T>(topic: string, group: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw isBusError(error, 'TOPOLOGY_MISSING') ? noSuchGroup(topic, group) : error
  }
}
