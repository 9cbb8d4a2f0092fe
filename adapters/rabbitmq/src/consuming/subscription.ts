import {
  type AdapterContext,
  BusError,
  type Delivery,
  type Settlement,
  type SettlementResult,
  type Sink,
  type Subscription,
  type SubscriptionSpec,
} from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import type { ChannelModel, ConsumeMessage } from 'amqplib'
import type { Link } from '../connection/link.ts'
import { pause, untilAborted, within } from '../connection/within.ts'
import { operationError } from '../errors.ts'
import type { Post, Posted } from '../publishing/publisher.ts'
import type { Names } from '../topology/names.ts'
import type { TopologyKeeper } from '../topology/topology.ts'
import { countIsLost } from '../wire/decode.ts'
import { Attachment } from './attachment.ts'
import { Backlog } from './backlog.ts'
import type { Copies } from './copies.ts'
import { type RabbitDelivery, received } from './delivery.ts'
import { Settler } from './settler.ts'
import type { Share } from './share.ts'
import { type Source, sourceOf } from './source.ts'
import { Suspects } from './suspects.ts'
import { uniqueId } from './unique-id.ts'

type Limit = { readonly signal: AbortSignal }

export interface SubscriptionOptions {
  readonly spec: SubscriptionSpec
  readonly link: Link
  readonly context: AdapterContext
  readonly timeout: number
  readonly names: Names
  readonly topology: TopologyKeeper
  readonly copies: Copies
  readonly post: (posts: readonly Post[]) => Promise<readonly Posted[]>
  readonly onClosed: (subscription: RabbitSubscription) => void
}

/** How far ahead of its time a message may be given to core, which then waits; what is due later goes back to the delay levels. */
const SOON = 2_000
const RESTORE_WAIT = 200
/** Somebody has to grant a permission first. */
const REFUSED_WAIT = 30_000

/** One subscription: a channel with a consumer for each of its queues, made anew whenever it ends. */
export class RabbitSubscription implements Subscription {
  readonly #o: SubscriptionOptions
  readonly #source: Source
  readonly #backlog: Backlog
  readonly #suspects: Suspects
  readonly #sink: Sink
  readonly #settler: Settler
  #attachment: Attachment | undefined
  #sequence = 0
  #window = 0
  #stopped = false
  #closed = false
  #retry: Timer | undefined

  constructor(options: SubscriptionOptions, sink: (subscription: Subscription) => Sink) {
    this.#o = options
    this.#source = sourceOf(options.spec, options.names, options.topology, uniqueId(options.context))
    this.#sink = sink(this)
    const { spec, context, timeout, copies, link, names } = options
    this.#suspects = new Suspects({
      context,
      timeout,
      copies,
      link,
      nameOf: id => names.suspect(spec.topic, spec.group ?? '', id),
      onLost: delivery => this.#tell(to => to.lost({ deliveries: [delivery] })),
    })
    this.#backlog = new Backlog(batch => this.#tell(to => to.deliver(batch)))
    this.#settler = new Settler({
      topology: options.topology,
      settling: {
        copies,
        topic: spec.topic,
        // A broadcast has none: it keeps what fails.
        dead: spec.group === undefined ? '' : names.dead(spec.topic, spec.group),
        onMissing: () => void options.topology.restore().catch(() => {}),
      },
      suspects: this.#suspects,
      stays: this.#source.stays,
      attachment: () => this.#attachment,
      back: delivery => (this.#source.stays ? this.#backlog.back(delivery) : this.#backlog.add(delivery)),
      settled: (settlement, result) => this.#settled(settlement, result),
    })
  }

  // --- the channel --------------------------------------------------------------------------------------------------

  /** @throws BusError */
  async attach(model: ChannelModel): Promise<void> {
    const attachment = await Attachment.open(model, this.#source, this.#o, {
      onMessage: (message, queue, share) => this.#onMessage(message, queue, share),
      deliver: delivery => this.#backlog.add(delivery),
      revoke: async (lanes, signal) => {
        this.#backlog.shut(lanes)
        await this.#sink.revoking(lanes, { signal })
      },
      reopened: lanes => this.#backlog.reopen(lanes),
      onEnded: (ended, cause) => {
        if (this.#attachment === ended) this.#ended(cause)
      },
    })
    if (this.#closed) return attachment.give()
    this.#attachment = attachment
    this.#tell(sink => sink.state('live'))
    await this.#prefetch()
  }

  /** The connection is gone; {@link attach} follows. */
  detach(cause: unknown): void {
    if (this.#attachment !== undefined) this.#ended(cause, false)
  }

  #ended(cause: unknown, restore = true): void {
    this.#attachment?.end()
    this.#attachment = undefined
    this.#backlog.clear()
    this.#suspects.clear()
    if (this.#closed) return
    this.#tell(sink => sink.lost('all'))
    const { code } = (cause ?? {}) as { code?: unknown }
    const refused = code === 403
    const error = refused ? operationError(cause, `consuming "${this.#o.spec.topic}"`) : cause
    this.#tell(sink => sink.state(refused ? 'failed' : 'reconnecting', error))
    if (restore) this.#later(refused ? REFUSED_WAIT : RESTORE_WAIT)
  }

  #later(wait = RESTORE_WAIT): void {
    if (this.#retry !== undefined || this.#closed) return
    this.#retry = this.#o.context.clock.setTimer(
      wait,
      () => {
        this.#retry = undefined
        void this.#again()
      },
      { keepAlive: true },
    )
  }

  async #again(): Promise<void> {
    const { link, topology } = this.#o
    // A new connection attaches by itself.
    if (this.#closed || this.#attachment !== undefined || !link.up) return
    try {
      await topology.restore()
      await this.attach(link.model)
    } catch (error) {
      if (this.#closed || !link.up) return
      if ((error as { code?: unknown }).code === 'TOPOLOGY_MISSING')
        this.#tell(sink => sink.state('failed', error))
      this.#later()
    }
  }

  // --- deliveries ---------------------------------------------------------------------------------------------------

  #onMessage(message: ConsumeMessage, queue: string, share: Share): void {
    const { spec, names, context } = this.#o
    const { acks } = share
    const tag = message.fields.deliveryTag
    acks.opened(tag)
    if (spec.kind === 'requests' && message.fields.redelivered) {
      // Somebody may have handled it: a request is handled at most once.
      acks.add(tag, () => {})
      return
    }
    try {
      const topic = this.#source.pattern
        ? (names.topicOf(message.fields.routingKey) ?? spec.topic)
        : spec.topic
      const sequence = spec.ordering === 'key' ? ++this.#sequence : undefined
      const delivery = received(message, { topic, lane: queue, acks, sequence, named: this.#source.pattern })
      if (
        delivery.notBefore !== undefined &&
        delivery.notBefore > context.clock.now() + SOON &&
        !this.#source.stays
      ) {
        // Its delay is longer than the levels reach.
        this.#settler.giveBack(delivery)
        return
      }
      if (!this.#source.stays && countIsLost(message)) {
        this.#settler.giveBack(delivery)
        return
      }
      const partition = share.partitionOf(delivery)
      if (partition === undefined) this.#backlog.add(delivery)
      else partition.add(delivery, message.fields.redelivered)
    } catch (error) {
      // What is thrown here would end the connection.
      context.onError(new BusError('INTERNAL', 'a message could not be taken', { cause: error }), 'consume')
    }
  }

  window(size: number): void {
    if (this.#stopped) return
    this.#window = Math.max(0, Math.min(size, this.#o.spec.maxWindow))
    this.#backlog.window(this.#window)
    void this.#prefetch()
  }

  async #prefetch(): Promise<void> {
    const window = this.#window
    if (this.#source.stays) {
      // Never cancelled: a partition's next consumer must not start before this one is done. And each may fill the whole window: a
      // key with a backlog would otherwise shut out the others of its partition.
      if (window > 0) await this.#attachment?.prefetch(this.#o.spec.maxWindow)
      return
    }
    await this.#attachment?.prefetch(window)
    for (const surplus of this.#backlog.beyond(this.#window)) this.#settler.giveBack(surplus)
  }

  // --- settling -----------------------------------------------------------------------------------------------------

  settle(batch: readonly Settlement[]): void {
    for (const settlement of batch) this.#settler.settle(settlement)
  }

  mark(deliveries: readonly Delivery[]): Promise<void> {
    return this.#settler.mark(deliveries)
  }

  #settled(settlement: Settlement, result: SettlementResult): void {
    if (result.status !== 'failed') {
      const delivery = settlement.delivery as RabbitDelivery
      this.#backlog.settled(delivery)
      this.#suspects.settled(delivery)
    }
    this.#tell(sink => sink.settled([settlement], result))
  }

  async extend(deliveries: readonly Delivery[], _lease: number): Promise<readonly Delivery[]> {
    return deliveries.filter(delivery => (delivery as RabbitDelivery).acks.ended)
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  async flush({ signal }: Limit): Promise<void> {
    const { context, timeout } = this.#o
    const attachment = this.#attachment
    // Without a channel nothing is on its way: what was, has been reported as lost.
    if (attachment === undefined) return
    attachment.sendAcks()
    try {
      // The broker takes what is on one channel in order, so its answer comes after the acks.
      await untilAborted(signal, within(context.clock, timeout, attachment.roundTrip(), 'flush'))
    } catch {
      // The channel has ended.
    }
    if (signal.aborted)
      throw new BusError('ABORTED', 'flush was aborted before all settlements were taken over')
  }

  async stop({ signal }: Limit): Promise<void> {
    if (this.#stopped) return
    this.#window = 0
    this.#backlog.window(0)
    this.#stopped = true
    await untilAborted(signal, this.#prefetch())
  }

  async close({ signal }: Limit): Promise<void> {
    this.#stopped = true
    this.#window = 0
    this.#backlog.window(0)
    const { context } = this.#o
    while (this.#settler.pending > 0 && !signal.aborted) await pause(context.clock, 10, signal)
    const attachment = this.#attachment
    attachment?.sendAcks()
    this.#closed = true
    this.#retry?.cancel()
    this.#attachment = undefined
    this.#suspects.clear()
    if (attachment !== undefined) {
      try {
        await untilAborted(signal, attachment.close())
      } catch {
        // It ended by itself.
      }
      attachment.give()
      attachment.end()
    }
    this.#o.onClosed(this)
  }

  /** A sink does not throw; if one does, the connection must not end of it. */
  #tell(what: (sink: Sink) => void): void {
    try {
      what(this.#sink)
    } catch (error) {
      this.#o.context.onError(error, 'sink')
    }
  }
}
