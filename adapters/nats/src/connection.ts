import type {
  AdapterContext,
  Broker,
  Capabilities,
  DeadLetterQuery,
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
import { BusError } from '@busbar/core/adapter'
import { type NatsConnection, nuid } from '@nats-io/nats-core'
import { CAPABILITIES } from './capabilities.ts'
import { EventSubscription } from './consuming/event-subscription.ts'
import { lanesOf } from './consuming/ordered/lane.ts'
import { countLanes } from './consuming/ordered/lane-stats.ts'
import { OrderedSubscription } from './consuming/ordered/ordered-subscription.ts'
import { DeadLetterStore } from './dead-letters.ts'
import { JetStreamApi } from './link/api.ts'
import { Link } from './link/link.ts'
import { type Names, namesFor } from './names.ts'
import type { ResolvedOptions } from './options.ts'
import { Publisher } from './publishing/publisher.ts'
import { openReplyInbox } from './requests/reply-inbox.ts'
import { Responder } from './requests/responder.ts'
import { type ConsumerInfo, ORDERED, type StreamConfigs, streamConfigs } from './topology/config.ts'
import { missingGroup, type Place, Provisioner } from './topology/provisioner.ts'
import { Routes } from './topology/routes.ts'
import { compare } from './topology/verify.ts'
import { assertVersion } from './version.ts'
import { type ContentMode, sizeOf } from './wire/outgoing.ts'

/** For how long a broadcast's place is kept while its process is away, in milliseconds. */
const BROADCAST_KEPT = 300_000

/** One bus's connection to NATS. */
export class Connection implements Broker {
  readonly capabilities: Capabilities = CAPABILITIES
  readonly server: string
  readonly limits: PublishLimits
  readonly #options: ResolvedOptions
  readonly #context: AdapterContext
  readonly #link: Link
  readonly #api: JetStreamApi
  readonly #names: Names
  readonly #configs: StreamConfigs
  readonly #provisioner: Provisioner
  readonly #routes: Routes
  readonly #publisher: Publisher
  readonly #dead: DeadLetterStore
  readonly #replyNamespace: string
  readonly #mode: ContentMode
  #topologyMode: TopologyMode = 'declare'

  constructor(nc: NatsConnection, options: ResolvedOptions, context: AdapterContext, onDown: () => void) {
    this.#options = options
    this.#context = context
    this.#mode = context.mode ?? 'binary'
    this.#link = new Link(nc, {
      clock: context.clock,
      inboxPrefix: options.inboxPrefix,
      onError: error => context.onError(error, 'connection'),
      onDown,
    })
    this.#api = new JetStreamApi(this.#link, options.operationTimeout)
    this.#names = namesFor(context.prefix)
    this.#configs = streamConfigs(this.#names, context.prefix, options)
    this.#provisioner = new Provisioner(
      this.#api,
      this.#names,
      this.#configs,
      context.prefix,
      options.ackWait,
    )
    this.#routes = new Routes(this.#names, this.#provisioner, this.#api)
    this.#dead = new DeadLetterStore(this.#api, this.#names)
    this.#replyNamespace = this.#names.replyNamespace(options.inboxPrefix)
    this.#publisher = new Publisher({
      link: this.#link,
      timeout: options.operationTimeout,
      mode: this.#mode,
      routes: this.#routes,
    })
    const { version = 'unknown', max_payload = 2 ** 20 } = nc.info ?? {}
    this.server = `NATS ${version}`
    this.limits = {
      batchesInFlight: 16,
      batchSize: 256,
      batchBytes: Math.max(4 * 2 ** 20, max_payload),
      messageBytes: max_payload,
    }
    this.#link.listen({
      down: cause => context.onState(this.#link.state === 'closed' ? 'closed' : 'reconnecting', cause),
      up: () => context.onState('live'),
    })
  }

  /** @throws BusError when the server is too old, or has no JetStream. */
  async begin(): Promise<void> {
    assertVersion(this.#link.info?.version)
    await this.#api.call('INFO')
    this.#context.onState('live')
  }

  sizeOf(message: Outgoing): number {
    try {
      return sizeOf(message, this.#mode, this.limits.messageBytes)
    } catch {
      // What cannot be encoded is refused by publish, which can say why.
      return 0
    }
  }

  publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    return this.#publisher.publish(batch)
  }

  async subscribe(spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink): Promise<Subscription> {
    const { operationTimeout } = this.#options
    await this.#link.live(operationTimeout)
    if (spec.kind === 'requests') {
      assertRequestPattern(spec.topic)
      const responder = new Responder(this.#link, this.#names, spec, sink)
      await this.#link.flush(operationTimeout)
      responder.begin()
      return responder
    }
    return spec.group === undefined ? this.#broadcast(spec, sink) : this.#member(spec, spec.group, sink)
  }

  replies(deliver: (reply: Delivery) => void): Promise<ReplyInbox> {
    return openReplyInbox({
      link: this.#link,
      namespace: this.#replyNamespace,
      timeout: this.#options.operationTimeout,
      deliver,
      refused: message => this.#publisher.noResponder(message),
    })
  }

  acceptsReplyTo(address: ReplyAddress): boolean {
    return address.startsWith(this.#replyNamespace) && /^[A-Za-z0-9._-]+$/.test(address)
  }

  async topology(topology: Topology, mode: TopologyMode): Promise<readonly Drift[]> {
    this.#topologyMode = mode
    this.#routes.learn(topology.topics)
    if (mode === 'none') return []
    if (mode === 'verify') return compare(topology, this.#provisioner, this.#api, this.#names, this.#configs)
    await this.#provisioner.declare(topology)
    return []
  }

  async stats({ topic, group }: DeadLetterQuery): Promise<QueueStats> {
    const info = await this.#provisioner.consumer(this.#provisioner.placeOf(topic, group))
    if (info === undefined) throw missingGroup(topic, group)
    const { ready, unsettled } = await this.#counts({ topic, group }, info)
    const { waiting, dead } = await this.#waitingAndDead({ topic, group }, info.name)
    const delayed = Math.min(waiting, unsettled)
    return { ready, inFlight: unsettled - delayed, delayed, lag: ready + unsettled, dead, exact: false }
  }

  readonly deadLetters = {
    open: async (query: DeadLetterQuery) => {
      await this.#assertGroup(query)
      return this.#dead.open(query)
    },
    purge: async (query: DeadLetterQuery) => {
      await this.#assertGroup(query)
      return this.#dead.purge(query)
    },
  }

  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    await this.#link.close(signal)
  }

  async #member(
    spec: SubscriptionSpec,
    group: string,
    sink: (subscription: Subscription) => Sink,
  ): Promise<Subscription> {
    const { topic, start } = spec
    const make = this.#topologyMode === 'declare'
    const place = await this.#provisioner.openGroup(topic, group, start, make)
    return this.#events(spec, place, sink, {
      restore: async () => {
        await this.#provisioner.openGroup(topic, group, 'new', make)
      },
      onClosed: async () => {},
    })
  }

  async #broadcast(
    spec: SubscriptionSpec,
    sink: (subscription: Subscription) => Sink,
  ): Promise<Subscription> {
    const id = nuid.next()
    const { topic, start } = spec
    const open = (from: SubscriptionSpec['start']) =>
      this.#provisioner.openBroadcast(topic, id, from, BROADCAST_KEPT)
    const place = await open(start)
    return this.#events(spec, place, sink, {
      restore: async () => {
        if ((await this.#provisioner.consumer(place)) === undefined) await open('new')
      },
      onClosed: () => this.#provisioner.closeBroadcast(topic, place),
    })
  }

  #events(
    spec: SubscriptionSpec,
    place: Place,
    sink: (subscription: Subscription) => Sink,
    life: { readonly restore: () => Promise<void>; readonly onClosed: () => Promise<void> },
  ): Subscription {
    const options = {
      api: this.#api,
      names: this.#names,
      spec,
      place,
      inboxPrefix: this.#options.inboxPrefix,
      ackWait: this.#options.ackWait,
      mode: this.#mode,
      sink,
      onError: (error: unknown, where: string) => this.#context.onError(error, where),
      ...life,
    }
    if (spec.ordering === 'none' || spec.group === undefined) return new EventSubscription(options)
    const { topic, group, partitions } = spec
    const lanes = lanesOf(this.#names, { topic, group, partitions }, this.#routes.addressOf(topic))
    return new OrderedSubscription(options, group, lanes)
  }

  async #waitingAndDead(
    query: DeadLetterQuery,
    consumer: string,
  ): Promise<{ waiting: number; dead: number }> {
    const [waiting, dead] = await Promise.all([this.#routes.recordsOf(consumer), this.#dead.count(query)])
    return { waiting, dead }
  }

  async #counts(query: DeadLetterQuery, info: ConsumerInfo): Promise<{ ready: number; unsettled: number }> {
    const place = this.#provisioner.placeOf(query.topic, query.group)
    const stream = await this.#provisioner.stream(place.stream)
    if (stream?.config.metadata[ORDERED] !== 'true')
      return { ready: info.num_pending, unsettled: info.num_ack_pending }
    const { ready, open } = await countLanes(this.#api, this.#names, place, query, stream)
    return { ready, unsettled: open }
  }

  async #assertGroup({ topic, group }: DeadLetterQuery): Promise<void> {
    const info = await this.#provisioner.consumer(this.#provisioner.placeOf(topic, group))
    if (info === undefined) throw missingGroup(topic, group)
  }
}

function assertRequestPattern(topic: string): void {
  if (!/\*\*./.test(topic)) return
  throw new BusError(
    'CAPABILITY_UNSUPPORTED',
    `"${topic}": NATS has '**' only at the end of a responder's topic`,
    {
      field: 'topic',
      remedy: "use '*' for single segments, or respond on several topics",
    },
  )
}
