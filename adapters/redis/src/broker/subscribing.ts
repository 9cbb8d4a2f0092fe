import type { AdapterContext, Sink, Subscription, SubscriptionSpec } from '@busbar/core/adapter'
import type { Link } from '../connection/link.ts'
import type { ServerInfo } from '../connection/server.ts'
import { Broadcast } from '../consuming/broadcast.ts'
import { Member } from '../consuming/member.ts'
import { OrderedMember } from '../consuming/ordered-member.ts'
import { startId } from '../consuming/position.ts'
import type { OpenReader, ReaderOptions } from '../consuming/reading.ts'
import { Responder } from '../consuming/responder.ts'
import { UnorderedMember } from '../consuming/unordered-member.ts'
import { isReplyError } from '../errors.ts'
import { joinGroup, subscribedOrThrow, type TopologyContext } from './topology.ts'

type MakeSink = (subscription: Subscription) => Sink
type GroupSpec = SubscriptionSpec & { readonly group: string }
type Limit = { readonly signal: AbortSignal }

export interface SubscribingOptions {
  readonly context: AdapterContext
  readonly topology: TopologyContext
  readonly link: Link
  readonly openReader: OpenReader
  readonly server: ServerInfo
  readonly block: number
  /** A name of this process and nobody else's. */
  readonly newName: () => string
  readonly onDelayed: (topic: string, group: string | undefined, due?: number) => void
  readonly onTick: (topic: string) => void
}

/** How long before its beginning a group that was deleted begins again: what was published meanwhile must not be lost. */
const REJOIN_BEFORE = 60_000

/** All subscriptions of one bus: begins them by their kind, and tells them of the shared connection. */
export class Subscribing {
  readonly #o: SubscribingOptions
  readonly #all = new Set<Member | Responder | Broadcast>()
  /** Whether groups must be there already: the bus may not create anything. */
  strict = false

  constructor(options: SubscribingOptions) {
    this.#o = options
  }

  subscribe(spec: SubscriptionSpec, sink: MakeSink): Promise<Subscription> {
    const { group } = spec
    if (group === undefined) return this.#broadcast(spec, sink)
    if (spec.kind === 'requests') return this.#respond({ ...spec, group }, sink)
    return this.#join({ ...spec, group }, sink)
  }

  async close(limit: Limit): Promise<void> {
    await Promise.allSettled([...this.#all].map(subscription => subscription.close(limit)))
  }

  /** The shared connection is gone. */
  dropped(): void {
    for (const subscription of this.#all) if (subscription instanceof Member) subscription.dropped()
  }

  /** The shared connection is back. */
  restored(): void {
    for (const subscription of this.#all) subscription.resume()
  }

  async #join(spec: GroupSpec, sink: MakeSink): Promise<Subscription> {
    const { topology, link, onDelayed, newName, context } = this.#o
    const { topic, group } = spec
    const start = startId(spec.start)
    if (this.strict) await link.patiently(() => subscribedOrThrow(topology, topic, group))
    await link.patiently(() => joinGroup(topology, spec, start, true))
    const joinedAt = `${Math.max(0, context.clock.now() - REJOIN_BEFORE)}-0`
    const options = {
      ...this.#reader(),
      spec,
      sink,
      keys: topology.names.group(topic, group),
      consumer: `${newName()}.l${spec.lease}`,
      onDelayed: (due: number) => onDelayed(topic, group, due),
      onTick: () => this.#o.onTick(topic),
      rejoin: async () => {
        await joinGroup(topology, spec, joinedAt, true)
      },
    }
    const member = spec.ordering === 'key' ? new OrderedMember(options) : new UnorderedMember(options)
    onDelayed(topic, undefined)
    onDelayed(topic, group)
    return this.#started(member)
  }

  async #broadcast(spec: SubscriptionSpec, sink: MakeSink): Promise<Subscription> {
    const keys = this.#o.topology.names.topic(spec.topic)
    let after = startId(spec.start)
    if (after === '$') after = await this.#o.link.patiently(() => this.#lastGenerated(keys.stream))
    this.#o.onDelayed(spec.topic, undefined)
    return this.#started(
      new Broadcast({ ...this.#reader(), spec, sink, keys, name: this.#o.newName(), after }),
    )
  }

  /** Not the last entry's: a stream whose entries were all trimmed still knows its last id. */
  async #lastGenerated(stream: string): Promise<string> {
    try {
      const info = (await this.#o.link.call('XINFO', ['STREAM', stream])) as unknown[]
      return String(info[info.findIndex(part => String(part) === 'last-generated-id') + 1])
    } catch (error) {
      if (isReplyError(error) && /no such key/.test(error.message)) return '0-0'
      throw error
    }
  }

  #respond(spec: GroupSpec, sink: MakeSink): Promise<Subscription> {
    const { names } = this.#o.topology
    return this.#started(
      new Responder({
        ...this.#reader(),
        spec,
        sink,
        keys: names.group(spec.topic, spec.group),
        topicKeys: names.topic(spec.topic),
        name: this.#o.newName(),
        popMany: this.#o.server.popsMany,
      }),
    )
  }

  #reader(): ReaderOptions {
    const { context, link, openReader, block } = this.#o
    return { context, link, openReader, block, onClosed: closed => this.#all.delete(closed as Member) }
  }

  async #started<T extends Member | Responder | Broadcast>(subscription: T): Promise<T> {
    this.#all.add(subscription)
    try {
      await subscription.start()
      return subscription
    } catch (error) {
      await subscription.close({ signal: AbortSignal.abort() })
      throw error
    }
  }
}
