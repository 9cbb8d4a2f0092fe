import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { within } from '../connection/within.ts'
import { linkLost, operationError } from '../errors.ts'
import type { RabbitDelivery } from './delivery.ts'
import type { Partition } from './ordered/partition.ts'
import { type OpenedChannel, openChannel, type Queue, Share } from './share.ts'
import type { Source } from './source.ts'
import type { SubscriptionOptions } from './subscription.ts'

export interface AttachmentEvents {
  onMessage(message: ConsumeMessage, queue: string, share: Share): void
  deliver(delivery: RabbitDelivery): void
  /** Takes these queues' deliveries back from core, and lets none pass until `reopened`. */
  revoke(queues: readonly string[], signal: AbortSignal): Promise<void>
  reopened(queues: readonly string[]): void
  /** One of its channels ended: by itself, or because it was given up. */
  onEnded(attachment: Attachment, cause: unknown): void
}

/** A connection has some 2,000 channels, for all its subscriptions. Partitions beyond that share them, and are handed over together. */
const MOST_CHANNELS = 32

/** What a subscription has on one connection: consumers of its queues. It ends with any of its channels, and is then made anew. */
export class Attachment {
  readonly #source: Source
  readonly #model: ChannelModel
  readonly #options: SubscriptionOptions
  readonly #events: AttachmentEvents
  /** Of an ordered group, it has no consumer of a partition. */
  readonly #channel: Channel
  #shares: Share[] = []
  readonly #shareOf = new Map<string, Share>()
  readonly #leaving = new Set<Share>()
  readonly #ended = new AbortController()
  #prefetched = 0
  #announced = false

  /** @throws BusError */
  static async open(
    model: ChannelModel,
    source: Source,
    options: SubscriptionOptions,
    events: AttachmentEvents,
  ): Promise<Attachment> {
    const { context, timeout, spec } = options
    const what = `the queue of ${spec.group === undefined ? 'a broadcast' : `group "${spec.group}"`} of "${spec.topic}"`
    const main = await openChannel(model, options)
    const attachment = new Attachment(main.channel, model, source, options, events)
    try {
      const queues = await within(context.clock, timeout, source.open(main.channel), what)
      await within(context.clock, timeout, attachment.#consume(main, queues), what)
    } catch (error) {
      attachment.give()
      throw operationError(main.failure() ?? error, what)
    }
    main.channel.on('close', () => attachment.#lost(main.failure() ?? linkLost()))
    return attachment
  }

  private constructor(
    channel: Channel,
    model: ChannelModel,
    source: Source,
    options: SubscriptionOptions,
    events: AttachmentEvents,
  ) {
    this.#channel = channel
    this.#model = model
    this.#source = source
    this.#options = options
    this.#events = events
  }

  partitionOf(delivery: RabbitDelivery): Partition | undefined {
    return this.#shareOf.get(delivery.lane)?.partitionOf(delivery)
  }

  async prefetch(count: number): Promise<void> {
    this.#prefetched = count
    await Promise.all(this.#shares.map(share => share.prefetch(count)))
    const announcement = count > 0 && !this.#announced ? this.#source.members?.announcement() : undefined
    if (announcement === undefined || this.#ended.signal.aborted) return
    // Only now: the broker gives the others nothing more of what this member wants.
    this.#announced = true
    void this.#options.post([announcement])
  }

  /** Sends what acks are due. */
  sendAcks(): void {
    for (const { acks } of this.#shares) acks.send()
  }

  /** Resolves when the broker has taken what was sent. */
  async roundTrip(): Promise<void> {
    await Promise.all(this.#shares.map(share => share.roundTrip()))
  }

  /** Every claim on its deliveries is gone. */
  end(): void {
    this.#ended.abort()
    for (const share of this.#shares) share.end()
  }

  /** Ends channels that are of no more use. */
  give(): void {
    for (const share of this.#shares) share.give()
    try {
      this.#channel.close().catch(() => {})
    } catch {
      // It is ending already.
    }
  }

  /** After the last settlement. */
  async close(): Promise<void> {
    this.#ended.abort()
    await Promise.all(this.#shares.map(share => share.drain()))
    await this.#source.leave?.(this.#channel)
    await Promise.all(this.#shares.map(share => share.close()))
    if (this.#source.members !== undefined) await this.#channel.close()
  }

  #lost(cause: unknown): void {
    if (this.#ended.signal.aborted) return
    this.end()
    this.give()
    this.#events.onEnded(this, cause)
  }

  async #consume(main: OpenedChannel, queues: readonly string[]): Promise<void> {
    const all = queues.map((name, partition) => ({ name, partition }))
    const { members } = this.#source
    if (members === undefined) {
      this.#add(this.#share(main, all))
      return
    }
    await members.join(main.channel, this.#model, wanted => this.#onRival(wanted))
    const channels = Math.min(all.length, MOST_CHANNELS)
    for (let n = 0; n < channels; n++) {
      const some = all.filter(({ partition }) => partition % channels === n)
      this.#add(this.#share(await openChannel(this.#model, this.#options), some))
    }
  }

  /** Another member has come, which the broker gives these partitions to as soon as this one holds nothing of them. */
  #onRival(wanted: (partition: number) => boolean): void {
    // Older brokers know no priorities among consumers of which one is active.
    if (Number(this.#options.link.serverVersion.split('.')[0]) < 4) return
    for (const share of this.#shares) {
      if (share.queues.some(({ partition }) => wanted(partition))) void this.#handOver(share)
    }
  }

  /**
   * Gives back all that is held of some partitions, in order. A nack would not do: a quorum queue without a delivery limit puts what
   * is nacked at its end, and does not look for its next consumer then. What a closed channel held goes to the front, and the
   * next consumer starts with it. This member then waits behind it.
   */
  async #handOver(share: Share): Promise<void> {
    if (this.#leaving.has(share)) return
    this.#leaving.add(share)
    const { clock } = this.#options.context
    const names = share.queues.map(({ name }) => name)
    try {
      await within(clock, this.#options.timeout, share.roundTrip(), 'a channel')
      if (share.acks.idle) return
      await this.#events.revoke(names, this.#ended.signal)
      if (this.#ended.signal.aborted) return
      await share.drain()
      if (this.#ended.signal.aborted) return
      await within(clock, this.#options.timeout, share.close(), 'a channel')
      const opened = await openChannel(this.#model, this.#options)
      const next = this.#share(opened, share.queues)
      if (this.#ended.signal.aborted) return next.give()
      this.#shares = this.#shares.filter(other => other !== share)
      this.#add(next)
      this.#events.reopened(names)
      await next.prefetch(this.#prefetched)
    } catch (error) {
      this.#lost(error)
    } finally {
      this.#leaving.delete(share)
    }
  }

  #share(opened: OpenedChannel, queues: readonly Queue[]): Share {
    return new Share(opened, queues, this.#source, this.#model, this.#options, {
      onMessage: this.#events.onMessage,
      deliver: this.#events.deliver,
      onEnded: cause => this.#lost(cause),
    })
  }

  #add(share: Share): void {
    this.#shares.push(share)
    for (const { name } of share.queues) this.#shareOf.set(name, share)
  }
}
