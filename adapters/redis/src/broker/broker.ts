import {
  type AdapterContext,
  type Broker,
  BusError,
  type Capabilities,
  type DeadLetterQuery,
  type DeadLetterSession,
  type Delivery,
  type Drift,
  type Outgoing,
  type PublishLimits,
  type PublishResult,
  type QueueStats,
  type ReplyInbox,
  type Sink,
  type Subscription,
  type SubscriptionSpec,
  type Topology,
  type TopologyMode,
} from '@busbar/core/adapter'
import { capabilitiesFor } from '../capabilities.ts'
import { callError, type Link } from '../connection/link.ts'
import { Broadcast, idBefore } from '../consuming/broadcast.ts'
import type { Member } from '../consuming/member.ts'
import { OrderedMember } from '../consuming/ordered-member.ts'
import { Responder } from '../consuming/responder.ts'
import { UnorderedMember } from '../consuming/unordered-member.ts'
import { connectionClosed, isReplyError } from '../errors.ts'
import { Names } from '../names.ts'
import { invalidOption, type ResolvedOptions } from '../options.ts'
import { TRIM } from '../scripts/publish.ts'
import { STATS } from '../scripts/stats.ts'
import { openDeadLetters } from './dead-letters.ts'
import { type PublishingOptions, publishBatch, sizeOf } from './publishing.ts'
import { Pumps } from './pumps.ts'
import { openReplies } from './replies.ts'
import { declare, groupOrThrow, joinGroup, type Limits, type TopologyContext, verify } from './topology.ts'

export type OpenLink = (
  events: { onUp(): void; onDown(cause: unknown): void },
  name: string,
  more?: Partial<ConstructorParameters<typeof Link>[0]>,
) => Link

export interface ServerInfo {
  readonly name: string
  readonly major: number
}

const BLOCK = 5_000
/** In a cluster nobody can say which node to unblock a read at. */
const BLOCK_IN_CLUSTER = 500
/** Publishes of one topic between two looks at what it may let go. */
const TRIM_EVERY = 500
const TRIM_AT_ONCE = 2_000

/** One bus's connections to Redis. */
export class RedisBroker implements Broker {
  readonly capabilities: Capabilities
  readonly server: string
  readonly limits: PublishLimits
  readonly sizeOf = sizeOf
  readonly #options: ResolvedOptions
  readonly #context: AdapterContext
  readonly #link: Link
  readonly #openLink: OpenLink
  readonly #info: ServerInfo
  readonly #names: Names
  readonly #pumps: Pumps
  readonly #publishing: PublishingOptions
  readonly #topology: TopologyContext
  readonly #retention = new Map<string, Limits>()
  readonly #untrimmed = new Map<string, number>()
  readonly #members = new Set<Member | Responder | Broadcast>()
  #lastId = 0
  #closed = false
  /** The bus may not create anything. */
  #strict = false
  readonly #present = new Set<string>()
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(
    options: ResolvedOptions,
    context: AdapterContext,
    link: Link,
    openLink: OpenLink,
    info: ServerInfo,
  ) {
    this.#options = options
    this.#context = context
    this.#link = link
    this.#openLink = openLink
    this.#info = info
    this.server = info.name
    this.capabilities = capabilitiesFor(options)
    this.limits = {
      batchesInFlight: 4,
      batchSize: 256,
      batchBytes: Math.max(options.messageBytes, 4 * 2 ** 20),
      messageBytes: options.messageBytes,
    }
    this.#names = new Names(context.prefix)
    this.#pumps = new Pumps(link, context.clock)
    this.#topology = {
      link,
      names: this.#names,
      retention: options.retention,
      onRetention: (topic, limits) => this.#retention.set(topic, limits),
    }
    this.#publishing = {
      link,
      names: this.#names,
      mode: context.mode ?? 'structured',
      dedupeWindow: options.dedupeWindow,
      replicas: options.replicas,
      replicaTimeout: Math.ceil(options.operationTimeout / 2),
      now: () => context.clock.now(),
      onStored: (topic, count) => this.#stored(topic, count),
      onDelayed: (topic, group, due) => this.#delayed(topic, group, due),
    }
  }

  publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    const work = this.#strict ? this.#publishStrictly(batch) : publishBatch(this.#publishing, batch)
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

  async subscribe(spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink): Promise<Subscription> {
    try {
      const { group } = spec
      if (spec.kind === 'requests' && group !== undefined)
        return await this.#respond({ ...spec, group }, sink)
      if (group === undefined) return await this.#broadcast(spec, sink)
      return await this.#join({ ...spec, group }, sink)
    } catch (error) {
      throw callError(error)
    }
  }

  async #join(
    spec: SubscriptionSpec & { readonly group: string },
    sink: (subscription: Subscription) => Sink,
  ): Promise<Subscription> {
    const { topic, group } = spec
    const start = startId(spec)
    if (this.#strict) await this.#link.patiently(() => groupOrThrow(this.#topology, { topic, group }))
    await this.#link.patiently(() => joinGroup(this.#topology, spec, start, true))
    const joinedAt = `${Math.max(0, this.#context.clock.now() - 60_000)}-0`
    const options = {
      spec,
      sink,
      keys: this.#names.group(topic, group),
      context: this.#context,
      consumer: `${this.#memberName()}.l${spec.lease}`,
      link: this.#link,
      openReader: this.#openReader,
      block: this.#block,
      onDelayed: (due: number) => this.#delayed(topic, group, due),
      onClosed: (closed: Subscription) => this.#members.delete(closed as Member),
      onTick: () => this.#trim(topic),
      rejoin: async () => {
        await joinGroup(this.#topology, spec, joinedAt, true)
      },
    }
    const member = spec.ordering === 'key' ? new OrderedMember(options) : new UnorderedMember(options)
    this.#members.add(member)
    this.#delayed(topic, undefined)
    this.#delayed(topic, group)
    return this.#started(member)
  }

  async #broadcast(
    spec: SubscriptionSpec,
    sink: (subscription: Subscription) => Sink,
  ): Promise<Subscription> {
    const keys = this.#names.topic(spec.topic)
    let after = startId(spec)
    if (after === '$') {
      const last = (await this.#link.call('XREVRANGE', [keys.stream, '+', '-', 'COUNT', 1])) as [Buffer][]
      const info = last.length === 0 ? '0-0' : String(last[0]?.[0])
      after = await this.#lastGenerated(keys.stream, info)
    }
    const broadcast = new Broadcast({
      spec,
      sink,
      keys,
      context: this.#context,
      name: this.#memberName(),
      link: this.#link,
      openReader: this.#openReader,
      block: this.#block,
      after,
      onClosed: closed => this.#members.delete(closed as Broadcast),
    })
    this.#members.add(broadcast)
    this.#delayed(spec.topic, undefined)
    return this.#started(broadcast)
  }

  /** A stream whose entries were all trimmed still knows its last id. */
  async #lastGenerated(stream: string, fallback: string): Promise<string> {
    try {
      const info = (await this.#link.call('XINFO', ['STREAM', stream])) as unknown[]
      const at = info.findIndex(part => String(part) === 'last-generated-id')
      return at === -1 ? fallback : String(info[at + 1])
    } catch (error) {
      if (isReplyError(error) && /no such key/.test(error.message)) return '0-0'
      throw error
    }
  }

  #respond(
    spec: SubscriptionSpec & { readonly group: string },
    sink: (subscription: Subscription) => Sink,
  ): Promise<Subscription> {
    const responder = new Responder({
      spec,
      sink,
      keys: this.#names.group(spec.topic, spec.group),
      topicKeys: this.#names.topic(spec.topic),
      context: this.#context,
      name: this.#memberName(),
      link: this.#link,
      openReader: this.#openReader,
      block: this.#block,
      popMany: this.#info.major >= 7,
      onClosed: closed => this.#members.delete(closed as Responder),
    })
    this.#members.add(responder)
    return this.#started(responder)
  }

  async #started<T extends Member | Responder | Broadcast>(member: T): Promise<T> {
    try {
      await member.start()
      return member
    } catch (error) {
      await member.close({ signal: AbortSignal.abort() })
      throw error
    }
  }

  async replies(deliver: (reply: Delivery) => void): Promise<ReplyInbox> {
    return openReplies(this.#openLink, this.#names.reply(this.#id()), deliver, (error, where) =>
      this.#context.onError(error, where),
    )
  }

  acceptsReplyTo(address: string): boolean {
    return this.#names.isReply(address)
  }

  async topology(topology: Topology, mode: TopologyMode): Promise<readonly Drift[]> {
    for (const { topic, address } of topology.topics) if (address !== undefined) this.#address(topic, address)
    this.#strict = mode !== 'declare'
    if (mode === 'none') return []
    try {
      if (mode === 'verify') return await this.#link.patiently(() => verify(this.#topology, topology))
      await this.#link.patiently(() => declare(this.#topology, topology))
      return []
    } catch (error) {
      throw callError(error)
    }
  }

  #address(topic: string, address: string): void {
    if (this.#options.cluster !== undefined && !address.includes(`{${topic}}`))
      throw invalidOption(
        'address',
        `${address} is in another slot than the keys of "${topic}"`,
        `in a cluster, let it contain {${topic}}`,
      )
    this.#names.address(topic, address)
  }

  async stats(query: DeadLetterQuery): Promise<QueueStats> {
    return this.#link.patiently(() => this.#stats(query))
  }

  async #stats({ topic, group }: DeadLetterQuery): Promise<QueueStats> {
    try {
      await groupOrThrow(this.#topology, { topic, group })
      const k = this.#names.group(topic, group)
      const { delayed } = this.#names.topic(topic)
      const answer = (await this.#link.run(
        STATS,
        [k.stream, k.inbox, delayed, k.delayed, k.dead, k.waiting, k.ready, k.backoff],
        [group],
      )) as number[]
      const [ready = 0, inFlight = 0, waiting = 0, dead = 0, exact = 0] = answer.map(Number)
      return { ready, inFlight, delayed: waiting, lag: ready + inFlight + waiting, dead, exact: exact === 1 }
    } catch (error) {
      throw callError(error)
    }
  }

  readonly deadLetters = {
    open: async (query: DeadLetterQuery): Promise<DeadLetterSession> => {
      try {
        await this.#link.patiently(() => groupOrThrow(this.#topology, query))
        return await openDeadLetters(
          this.#link,
          query.topic,
          this.#names.group(query.topic, query.group).dead,
        )
      } catch (error) {
        throw callError(error)
      }
    },
    purge: async (query: DeadLetterQuery): Promise<number> => {
      try {
        await this.#link.patiently(() => groupOrThrow(this.#topology, query))
        const { dead } = this.#names.group(query.topic, query.group)
        return Number(await this.#link.patiently(() => this.#link.call('XTRIM', [dead, 'MAXLEN', 0])))
      } catch (error) {
        throw callError(error)
      }
    },
  }

  async close(options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#pumps.close()
    await Promise.allSettled([...this.#members].map(member => member.close(options)))
    await this.#link.close()
    // What was on its way learns that its outcome is unknown.
    await Promise.allSettled([...this.#underWay])
    this.#context.onState('closed')
  }

  /** The shared connection is gone. */
  dropped(): void {
    for (const member of this.#members)
      if (!(member instanceof Broadcast || member instanceof Responder)) member.dropped()
  }

  /** The shared connection is back. */
  restored(): void {
    for (const member of this.#members) if (!(member instanceof Broadcast)) member.resume()
  }

  readonly #openReader = (events: { onUp(): void; onDown(cause: unknown): void }, name: string): Link => {
    if (this.#closed) throw connectionClosed()
    return this.#openLink(events, name, { identify: this.#options.cluster === undefined })
  }

  get #block(): number {
    return this.#options.cluster === undefined ? BLOCK : BLOCK_IN_CLUSTER
  }

  #id(): string {
    const random = Math.floor(this.#context.random.next() * 2 ** 48).toString(36)
    return `${random}-${++this.#lastId}`
  }

  #memberName(): string {
    return `${this.#context.clientName.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 80)}.${this.#id()}`
  }

  #delayed(topic: string, group: string | undefined, due?: number): void {
    if (group === undefined) this.#pumps.watch(this.#names.topic(topic), due)
    else {
      const { delayed, delayedBodies, inbox } = this.#names.group(topic, group)
      this.#pumps.watch({ delayed, delayedBodies, stream: inbox }, due)
    }
  }

  #stored(topic: string, count: number): void {
    const untrimmed = (this.#untrimmed.get(topic) ?? 0) + count
    this.#untrimmed.set(topic, untrimmed)
    if (untrimmed >= TRIM_EVERY) this.#trim(topic)
  }

  #trim(topic: string): void {
    this.#untrimmed.set(topic, 0)
    const { count, age, bytes } = this.#retention.get(topic) ?? this.#options.retention
    this.#link
      .run(TRIM, [this.#names.topic(topic).stream], [count, age, TRIM_AT_ONCE, bytes])
      .catch(error => {
        if (isReplyError(error)) this.#context.onError(callError(error), 'trim')
      })
  }
}

const topicMissing = (topic: string, stream: string) =>
  new BusError('TOPOLOGY_MISSING', `topic "${topic}" has no stream ${stream} in Redis`, {
    remedy: 'declare it, or let this bus do so: topology "declare"',
  })

/** @throws BusError INVALID_OPTIONS */
function startId({ start }: SubscriptionSpec): string {
  const id = idBefore(start)
  if (id !== undefined) return id
  throw new BusError('INVALID_OPTIONS', 'start.position: is not a position of Redis', {
    field: 'start.position',
    remedy: 'pass one that a publish or a delivery has shown, such as 1700000000000-0',
  })
}
