import {
  type AdapterContext,
  type Broker,
  BusError,
  type Capabilities,
  type DeadLetterQuery,
  type Delivery,
  type Drift,
  type Outgoing,
  type PublishLimits,
  type PublishResult,
  type ReplyInbox,
  type Sink,
  type Subscription,
  type SubscriptionSpec,
  type Topology,
  type TopologyMode,
} from '@busbar/core/adapter'
import { capabilitiesFor } from '../capabilities.ts'
import { callError, type Link } from '../connection/link.ts'
import type { ServerInfo } from '../connection/server.ts'
import { connectionClosed } from '../errors.ts'
import { Names } from '../names.ts'
import { invalidOption, type ResolvedOptions } from '../options.ts'
import { openDeadLetters } from './dead-letters.ts'
import type { LinkStates } from './link-states.ts'
import { sizeOf } from './outgoing-fields.ts'
import { type PublishingOptions, publishBatch } from './publishing.ts'
import { Pumps } from './pumps.ts'
import { openReplies } from './replies.ts'
import { statsOf } from './stats.ts'
import { Subscribing } from './subscribing.ts'
import { declare, groupOrThrow, type TopologyContext } from './topology.ts'
import { Trimming } from './trimming.ts'
import { verify } from './verify.ts'

export type OpenLink = (
  events: { onUp(): void; onDown(cause: unknown): void },
  name: string,
  more?: Partial<ConstructorParameters<typeof Link>[0]>,
) => Link

export interface RedisBrokerOptions {
  readonly options: ResolvedOptions
  readonly context: AdapterContext
  /** Shared by all but blocking reads and replies. */
  readonly link: Link
  readonly openLink: OpenLink
  readonly states: LinkStates
  readonly server: ServerInfo
}

const BLOCK = 5_000
/** In a cluster nobody can say which node to unblock a read at. */
const BLOCK_IN_CLUSTER = 500
/** A request that finds the way back broken waits no longer for it. */
const REPLIES_PATIENCE = 2_000

/** One bus's connections to Redis. */
export class RedisBroker implements Broker {
  readonly capabilities: Capabilities
  readonly server: string
  readonly limits: PublishLimits
  readonly sizeOf = sizeOf
  readonly #o: RedisBrokerOptions
  readonly #link: Link
  readonly #names: Names
  readonly #pumps: Pumps
  readonly #trimming: Trimming
  readonly #publishing: PublishingOptions
  readonly #topology: TopologyContext
  readonly #subscribing: Subscribing
  readonly #underWay = new Set<Promise<unknown>>()
  /** Topics that were seen to be there. */
  readonly #present = new Set<string>()
  #replies: Link | undefined
  #lastId = 0
  #closed = false

  constructor(o: RedisBrokerOptions) {
    const { options, context, link } = o
    this.#o = o
    this.#link = link
    this.server = o.server.name
    this.capabilities = capabilitiesFor(options)
    this.limits = {
      batchesInFlight: 4,
      batchSize: 256,
      batchBytes: Math.max(options.messageBytes, 4 * 2 ** 20),
      messageBytes: options.messageBytes,
    }
    const onDelayed = (topic: string, group: string | undefined, due?: number) =>
      this.#pumps.watch(this.#delayOf(topic, group), due)
    this.#names = new Names(context.prefix)
    this.#pumps = new Pumps(link, context.clock)
    this.#trimming = new Trimming(link, this.#names, options.retention, context.onError)
    this.#topology = {
      link,
      names: this.#names,
      retention: options.retention,
      onRetention: (topic, limits) => this.#trimming.limit(topic, limits),
    }
    this.#publishing = {
      link,
      names: this.#names,
      mode: context.mode ?? 'structured',
      dedupeWindow: options.dedupeWindow,
      replicas: options.replicas,
      replicaTimeout: Math.ceil(options.operationTimeout / 2),
      now: () => context.clock.now(),
      patience: REPLIES_PATIENCE,
      replies: () => this.#replies,
      onStored: (topic, count) => this.#trimming.stored(topic, count),
      onDelayed,
    }
    this.#subscribing = new Subscribing({
      context,
      topology: this.#topology,
      link,
      openReader: this.#openReader,
      server: o.server,
      block: options.cluster === undefined ? BLOCK : BLOCK_IN_CLUSTER,
      newName: () => `${context.clientName.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 80)}.${this.#newId()}`,
      onDelayed,
      onTick: topic => this.#trimming.trim(topic),
    })
  }

  publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    const work = this.#subscribing.strict
      ? this.#publishStrictly(batch)
      : publishBatch(this.#publishing, batch)
    this.#underWay.add(work)
    void work.then(() => this.#underWay.delete(work))
    return work
  }

  /** XADD makes what is missing; a bus that may not create anything has to look first. */
  async #publishStrictly(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    for (const { to } of batch) {
      if (to.kind !== 'topic' || this.#present.has(to.topic)) continue
      const { stream } = this.#names.topic(to.topic)
      const found = await this.#link.call('EXISTS', [stream]).catch(() => 1)
      if (Number(found) === 1) this.#present.add(to.topic)
      else return batch.map(() => ({ status: 'failed', error: topicMissing(to.topic, stream) }))
    }
    return publishBatch(this.#publishing, batch)
  }

  subscribe(spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink): Promise<Subscription> {
    return typed(() => this.#subscribing.subscribe(spec, sink))
  }

  async replies(deliver: (reply: Delivery) => void): Promise<ReplyInbox> {
    const { openLink, states, context } = this.#o
    const channel = this.#names.reply(this.#newId())
    const { inbox, link } = await openReplies({
      openLink,
      states,
      channel,
      deliver,
      onError: context.onError,
    })
    this.#replies = link
    return inbox
  }

  acceptsReplyTo(address: string): boolean {
    return this.#names.isReply(address)
  }

  topology(topology: Topology, mode: TopologyMode): Promise<readonly Drift[]> {
    return typed(async () => {
      for (const { topic, address } of topology.topics)
        if (address !== undefined) this.#address(topic, address)
      this.#subscribing.strict = mode !== 'declare'
      if (mode === 'none') return []
      if (mode === 'verify') return this.#link.patiently(() => verify(this.#topology, topology))
      await this.#link.patiently(() => declare(this.#topology, topology))
      return []
    })
  }

  #address(topic: string, address: string): void {
    if (this.#o.options.cluster !== undefined && !address.includes(`{${topic}}`))
      throw invalidOption(
        'address',
        `${address} is in another slot than the keys of "${topic}"`,
        `in a cluster, let it contain {${topic}}`,
      )
    this.#names.address(topic, address)
  }

  stats(query: DeadLetterQuery) {
    return typed(() => this.#link.patiently(() => statsOf(this.#topology, query)))
  }

  readonly deadLetters = {
    open: (query: DeadLetterQuery) =>
      typed(async () => openDeadLetters(this.#link, query.topic, await this.#deadStream(query))),
    purge: (query: DeadLetterQuery) =>
      typed(async () => {
        const dead = await this.#deadStream(query)
        return Number(await this.#link.patiently(() => this.#link.call('XTRIM', [dead, 'MAXLEN', 0])))
      }),
  }

  async #deadStream(query: DeadLetterQuery): Promise<string> {
    await this.#link.patiently(() => groupOrThrow(this.#topology, query))
    return this.#names.group(query.topic, query.group).dead
  }

  async close(options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#pumps.close()
    await this.#subscribing.close(options)
    await this.#link.close()
    // What was on its way learns that its outcome is unknown.
    await Promise.allSettled([...this.#underWay])
    this.#o.context.onState('closed')
  }

  /** The shared connection is gone. */
  dropped(): void {
    this.#subscribing.dropped()
  }

  /** The shared connection is back. */
  restored(): void {
    this.#subscribing.restored()
  }

  readonly #openReader = (events: { onUp(): void; onDown(cause: unknown): void }, name: string): Link => {
    if (this.#closed) throw connectionClosed()
    return this.#o.openLink(events, name, { identify: this.#o.options.cluster === undefined })
  }

  #newId(): string {
    const random = Math.floor(this.#o.context.random.next() * 2 ** 48).toString(36)
    return `${random}-${++this.#lastId}`
  }

  #delayOf(topic: string, group: string | undefined) {
    if (group === undefined) return this.#names.topic(topic)
    const { delayed, delayedBodies, inbox } = this.#names.group(topic, group)
    return { delayed, delayedBodies, stream: inbox }
  }
}

/** What a call throws, as users see it. */
async function typed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw callError(error)
  }
}

const topicMissing = (topic: string, stream: string) =>
  new BusError('TOPOLOGY_MISSING', `topic "${topic}" has no stream ${stream} in Redis`, {
    remedy: 'declare it, or let this bus do so: topology "declare"',
  })
