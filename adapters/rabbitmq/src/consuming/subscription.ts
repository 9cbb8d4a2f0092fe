import {
  type AdapterContext,
  BusError,
  type Delivery,
  type Settlement,
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
import { Attachment } from './attachment.ts'
import { Backlog } from './backlog.ts'
import type { Copies } from './copies.ts'
import { type HeldState, type RabbitDelivery, received } from './delivery.ts'
import { DONE, failuresAfter, LOST, settleByCopy } from './settling.ts'
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
  #attachment: Attachment | undefined
  /** Ordered suspects: their place is kept, so their marks are recorded beside them. */
  readonly #marked = new WeakSet<RabbitDelivery>()
  #sequence = 0
  #window = 0
  #stopped = false
  #closed = false
  #settling = 0
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
  }

  // --- the channel --------------------------------------------------------------------------------------------------

  /** @throws BusError */
  async attach(model: ChannelModel): Promise<void> {
    const attachment = await Attachment.open(model, this.#source, this.#o, {
      onMessage: (message, queue, from) => this.#onMessage(message, queue, from),
      deliver: delivery => this.#backlog.add(delivery),
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

  #onMessage(message: ConsumeMessage, queue: string, attachment: Attachment): void {
    const { spec, names, context } = this.#o
    const { acks } = attachment
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
        this.#parkAgain(delivery, queue)
        return
      }
      const partition = attachment.partitionOf(delivery)
      if (partition === undefined) this.#backlog.add(delivery)
      else partition.add(delivery, message.fields.redelivered)
    } catch (error) {
      // What is thrown here would end the connection.
      context.onError(new BusError('INTERNAL', 'a message could not be taken', { cause: error }), 'consume')
    }
  }

  /** Its delay is longer than the levels reach. */
  #parkAgain(delivery: RabbitDelivery, queue: string): void {
    const settlement = { kind: 'release', delivery } as const
    void settleByCopy(settlement, queue, this.#settlingOptions(), result => {
      if (result.status === 'failed') this.#backlog.add(delivery)
    })
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
    for (const surplus of this.#backlog.beyond(this.#window)) {
      this.#settling++
      void settleByCopy(
        { kind: 'release', delivery: surplus },
        surplus.lane,
        this.#settlingOptions(),
        result => {
          this.#settling--
          if (result.status === 'failed') this.#backlog.add(surplus)
        },
      )
    }
  }

  // --- settling -----------------------------------------------------------------------------------------------------

  settle(batch: readonly Settlement[]): void {
    for (const settlement of batch) this.#settle(settlement)
  }

  #settle(settlement: Settlement): void {
    const delivery = settlement.delivery as RabbitDelivery
    const { acks, tag } = delivery
    if (acks.ended) {
      queueMicrotask(() => this.#report(settlement, LOST))
      return
    }
    if (settlement.kind === 'ack') {
      acks.add(tag, () => this.#report(settlement, DONE))
      return
    }
    if (this.#source.stays && settlement.kind !== 'dead') {
      this.#keep(settlement, delivery)
      return
    }
    this.#settling++
    void settleByCopy(settlement, delivery.lane, this.#settlingOptions(), result => {
      this.#settling--
      this.#report(settlement, result)
    })
  }

  /** It stays in our hands, at its place; what has to outlive them is recorded first. */
  #keep(settlement: Exclude<Settlement, { kind: 'ack' | 'dead' }>, delivery: RabbitDelivery): void {
    const state: HeldState =
      settlement.kind === 'release'
        ? stateOf(delivery)
        : {
            failures: failuresAfter(settlement),
            marks: 0,
            notBefore: settlement.notBefore,
            meta: settlement.meta,
          }
    const partition = this.#attachment?.partitionOf(delivery)
    const recorded =
      settlement.kind === 'retry' || this.#marked.has(delivery)
        ? partition?.record(delivery, state)
        : undefined
    this.#settling++
    Promise.resolve(recorded).then(
      () => {
        this.#settling--
        if (delivery.acks.ended) return this.#report(settlement, LOST)
        this.#report(settlement, DONE)
        this.#backlog.back(delivery.again(state))
      },
      error => {
        this.#settling--
        if (!delivery.acks.ended) this.#o.topology.restore().catch(() => {})
        this.#report(
          settlement,
          delivery.acks.ended ? LOST : { status: 'failed', error, retryable: true, copy: 'none' },
        )
      },
    )
  }

  #settlingOptions() {
    const { spec, names, copies, topology } = this.#o
    return {
      copies,
      topic: spec.topic,
      dead: names.dead(spec.topic, spec.group ?? ''),
      onMissing: () => void topology.restore().catch(() => {}),
    }
  }

  #report(settlement: Settlement, result: Parameters<Sink['settled']>[1]): void {
    if (result.status !== 'failed') {
      const delivery = settlement.delivery as RabbitDelivery
      this.#backlog.settled(delivery)
      this.#suspects.settled(delivery)
      const over = result.status === 'done' && (settlement.kind === 'ack' || settlement.kind === 'dead')
      if (over) this.#attachment?.partitionOf(delivery)?.settled(delivery)
    }
    this.#tell(sink => sink.settled([settlement], result))
  }

  async mark(deliveries: readonly Delivery[]): Promise<void> {
    const own = deliveries as readonly RabbitDelivery[]
    const attachment = this.#attachment
    for (const delivery of own) {
      const partition = delivery.acks.ended ? undefined : attachment?.partitionOf(delivery)
      if (partition === undefined) await this.#suspects.mark([delivery])
      else {
        const state = stateOf(delivery)
        await partition.record(delivery, { ...state, marks: state.marks + 1 })
        this.#marked.add(delivery)
      }
    }
  }

  async extend(deliveries: readonly Delivery[], _lease: number): Promise<readonly Delivery[]> {
    return deliveries.filter(delivery => (delivery as RabbitDelivery).acks.ended)
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  async flush({ signal }: Limit): Promise<void> {
    const { context, timeout } = this.#o
    const channel = this.#attachment?.channel
    this.#attachment?.acks.send()
    // Without a channel nothing is on its way: what was, has been reported as lost.
    if (channel === undefined) return
    try {
      // The broker takes what is on one channel in order, so its answer comes after the acks.
      await untilAborted(signal, within(context.clock, timeout, channel.checkExchange('amq.direct'), 'flush'))
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
    while (this.#settling > 0 && !signal.aborted) await pause(context.clock, 10, signal)
    const attachment = this.#attachment
    attachment?.acks.send()
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

const stateOf = ({ failures, marks, notBefore = 0, envelope }: RabbitDelivery): HeldState => ({
  failures,
  marks,
  notBefore,
  meta: envelope?.meta,
})
