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
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import type { Link } from '../connection/link.ts'
import { pause, untilAborted, within } from '../connection/within.ts'
import { linkLost, operationError } from '../errors.ts'
import type { Names } from '../topology/names.ts'
import type { TopologyKeeper } from '../topology/topology.ts'
import { Acks } from './acks.ts'
import { Backlog } from './backlog.ts'
import { Consumer } from './consumer.ts'
import type { Copies } from './copies.ts'
import { type RabbitDelivery, received } from './delivery.ts'
import { DONE, failuresAfter, LOST, settleByCopy } from './settling.ts'
import { type Source, sourceOf } from './source.ts'
import { Suspects } from './suspects.ts'

type Limit = { readonly signal: AbortSignal }

export interface SubscriptionOptions {
  readonly spec: SubscriptionSpec
  readonly link: Link
  readonly context: AdapterContext
  readonly timeout: number
  readonly names: Names
  readonly topology: TopologyKeeper
  readonly copies: Copies
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
  #channel: Channel | undefined
  #acks: Acks | undefined
  #queues: readonly string[] = []
  #consumers: Consumer[] = []
  #sequence = 0
  #window = 0
  #stopped = false
  #closed = false
  #settling = 0
  #retry: Timer | undefined

  constructor(options: SubscriptionOptions, sink: (subscription: Subscription) => Sink) {
    this.#o = options
    this.#source = sourceOf(options.spec, options.names, options.topology)
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
    const { context, timeout, spec } = this.#o
    const what = `the queue of ${spec.group === undefined ? 'a broadcast' : `group "${spec.group}"`} of "${spec.topic}"`
    const channel = await within(context.clock, timeout, model.createChannel(), 'a channel')
    let failure: unknown
    channel.on('error', error => {
      failure = error
    })
    const acks = new Acks(channel)
    try {
      this.#queues = await within(context.clock, timeout, this.#source.open(channel), what)
    } catch (error) {
      this.#give(channel)
      throw operationError(failure ?? error, what)
    }
    channel.on('close', () => {
      acks.end()
      if (this.#channel === channel) this.#ended(failure ?? linkLost())
    })
    if (this.#closed) return void channel.close().catch(() => {})
    this.#channel = channel
    this.#acks = acks
    this.#consumers = this.#queues.map(
      (queue, partition) =>
        new Consumer({
          channel,
          queue,
          ...withArguments(this.#source.consume(partition)),
          onMessage: message => this.#onMessage(message, queue, acks),
          onCancel: () => this.#give(channel),
          onError: () => this.#give(channel),
        }),
    )
    this.#tell(sink => sink.state('live'))
    await this.#prefetch()
  }

  /** The connection is gone; {@link attach} follows. */
  detach(cause: unknown): void {
    if (this.#channel !== undefined) this.#ended(cause, false)
  }

  /** Ends a channel that is of no more use; its end makes a new one. */
  #give(channel: Channel): void {
    try {
      channel.close().catch(() => {})
    } catch {
      // It is ending already.
    }
  }

  #ended(cause: unknown, restore = true): void {
    this.#channel = undefined
    this.#acks?.end()
    this.#acks = undefined
    this.#consumers = []
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
    if (this.#closed || this.#channel !== undefined || !link.up) return
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

  #onMessage(message: ConsumeMessage, queue: string, acks: Acks): void {
    const { spec, names, context } = this.#o
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
      this.#backlog.add(delivery)
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
      if (window > 0)
        await Promise.all(this.#consumers.map(consumer => consumer.prefetch(this.#o.spec.maxWindow)))
      return
    }
    await Promise.all(this.#consumers.map(consumer => consumer.prefetch(window)))
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
      queueMicrotask(() => {
        this.#report(settlement, DONE)
        const retry = settlement.kind === 'retry' ? settlement : undefined
        const failures = retry === undefined ? delivery.failures : failuresAfter(retry)
        this.#backlog.back(delivery.again(retry?.meta, failures, retry?.notBefore ?? delivery.notBefore))
      })
      return
    }
    this.#settling++
    void settleByCopy(settlement, delivery.lane, this.#settlingOptions(), result => {
      this.#settling--
      this.#report(settlement, result)
    })
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
    }
    this.#tell(sink => sink.settled([settlement], result))
  }

  mark(deliveries: readonly Delivery[]): Promise<void> {
    return this.#suspects.mark(deliveries as readonly RabbitDelivery[])
  }

  async extend(deliveries: readonly Delivery[], _lease: number): Promise<readonly Delivery[]> {
    return deliveries.filter(delivery => (delivery as RabbitDelivery).acks.ended)
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  async flush({ signal }: Limit): Promise<void> {
    const { context, timeout } = this.#o
    const channel = this.#channel
    this.#acks?.send()
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
    this.#acks?.send()
    this.#closed = true
    this.#retry?.cancel()
    const channel = this.#channel
    this.#channel = undefined
    this.#suspects.clear()
    if (channel !== undefined) {
      try {
        await untilAborted(signal, channel.close())
      } catch {
        // It ended by itself.
      }
    }
    this.#acks?.end()
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

const withArguments = (value: Record<string, unknown> | undefined) =>
  value === undefined ? {} : { arguments: value }
