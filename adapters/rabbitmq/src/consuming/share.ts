import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { pause, within } from '../connection/within.ts'
import { linkLost } from '../errors.ts'
import { Acks } from './acks.ts'
import { Consumer } from './consumer.ts'
import type { RabbitDelivery } from './delivery.ts'
import { HeldStates } from './ordered/held-states.ts'
import { Partition } from './ordered/partition.ts'
import { RecordQueue } from './ordered/record-queue.ts'
import type { Source } from './source.ts'
import type { SubscriptionOptions } from './subscription.ts'
import { uniqueId } from './unique-id.ts'

/** A queue, and which partition it is of those of its group. */
export interface Queue {
  readonly name: string
  readonly partition: number
}

export interface ShareEvents {
  onMessage(message: ConsumeMessage, queue: string, share: Share): void
  deliver(delivery: RabbitDelivery): void
  /** Its channel ended by itself. */
  onEnded(cause: unknown): void
}

export interface OpenedChannel {
  readonly channel: Channel
  /** Why the broker closed it. */
  readonly failure: () => unknown
}

const LOOK_AGAIN = 200

export async function openChannel(
  model: ChannelModel,
  { context, timeout }: SubscriptionOptions,
): Promise<OpenedChannel> {
  const channel = await within(context.clock, timeout, model.createChannel(), 'a channel')
  let failure: unknown
  channel.on('error', error => {
    failure = error
  })
  return { channel, failure: () => failure }
}

/** One channel with a consumer for each of some queues. What the consumers hold goes back to its place when the channel closes. */
export class Share {
  readonly channel: Channel
  readonly acks: Acks
  readonly queues: readonly Queue[]
  /** By queue; of ordered groups alone. */
  readonly #partitions = new Map<string, Partition>()
  readonly #consumers: readonly Consumer[]
  readonly #ended = new AbortController()

  constructor(
    { channel, failure }: OpenedChannel,
    queues: readonly Queue[],
    source: Source,
    model: ChannelModel,
    options: SubscriptionOptions,
    events: ShareEvents,
  ) {
    this.channel = channel
    this.acks = new Acks(channel)
    this.queues = queues
    this.#consumers = queues.map(({ name, partition }) => {
      const held = source.heldStates?.(partition)
      if (held !== undefined) this.#partitions.set(name, this.#partition(held, model, options, events))
      const consume = source.consume(partition)
      return new Consumer({
        channel,
        queue: name,
        ...(consume === undefined ? {} : { arguments: consume }),
        onMessage: message => {
          if (!this.acks.ended) events.onMessage(message, name, this)
        },
        onCancel: () => this.give(),
        onError: () => this.give(),
      })
    })
    channel.on('close', () => {
      // Otherwise it was closed on purpose.
      const byItself = !this.acks.ended
      this.end()
      if (byItself) events.onEnded(failure() ?? linkLost())
    })
  }

  partitionOf({ lane }: RabbitDelivery): Partition | undefined {
    return this.#partitions.get(lane)
  }

  async prefetch(count: number): Promise<void> {
    await Promise.all(this.#consumers.map(consumer => consumer.prefetch(count)))
  }

  /** Resolves when the broker has taken what was sent on its channel, and all is here that it sent before. */
  roundTrip(): Promise<void> {
    return this.acks.taken()
  }

  /** Every claim on its deliveries is gone. */
  end(): void {
    this.acks.end()
    this.#ended.abort()
    for (const partition of this.#partitions.values()) partition.end()
  }

  /** Ends a channel that is of no more use. */
  give(): void {
    try {
      this.channel.close().catch(() => {})
    } catch {
      // It is ending already.
    }
  }

  /** After the last settlement: nobody needs the records of what is settled. */
  async drain(): Promise<void> {
    this.acks.send()
    for (const partition of this.#partitions.values()) await partition.close()
  }

  /** What it holds goes back to its place. */
  async close(): Promise<void> {
    this.end()
    await this.channel.close()
  }

  #partition(
    held: string,
    model: ChannelModel,
    { context, timeout, post, topology }: SubscriptionOptions,
    { deliver }: ShareEvents,
  ): Partition {
    const { clock } = context
    const queue = new RecordQueue({
      name: held,
      clock,
      timeout,
      openChannel: () => model.createChannel(),
      post,
    })
    const states = new HeldStates({
      queue,
      clock,
      newId: () => uniqueId(context),
      onError: error => context.logger.debug('stale records of an ordered group stay for now', { error }),
    })
    return new Partition({
      states,
      ended: () => this.acks.ended,
      deliver,
      onFailure: async error => {
        if (this.acks.ended) return
        context.onError(error, 'consume')
        await topology.restore().catch(() => {})
        await pause(clock, LOOK_AGAIN, this.#ended.signal)
      },
    })
  }
}
