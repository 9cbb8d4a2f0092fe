import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { pause, within } from '../connection/within.ts'
import { linkLost, operationError } from '../errors.ts'
import { Acks } from './acks.ts'
import { Consumer } from './consumer.ts'
import type { RabbitDelivery } from './delivery.ts'
import { HeldStates } from './ordered/held-states.ts'
import { Partition } from './ordered/partition.ts'
import { RecordQueue } from './ordered/record-queue.ts'
import type { Source } from './source.ts'
import type { SubscriptionOptions } from './subscription.ts'
import { uniqueId } from './unique-id.ts'

export interface AttachmentEvents {
  onMessage(message: ConsumeMessage, queue: string, attachment: Attachment): void
  deliver(delivery: RabbitDelivery): void
  /** Its channel ended: by itself, or because it was given up. */
  onEnded(attachment: Attachment, cause: unknown): void
}

const LOOK_AGAIN = 200

/** What a subscription has on one channel: a consumer for each queue. It ends with the channel, and is then made anew. */
export class Attachment {
  readonly channel: Channel
  readonly acks: Acks
  /** By queue; of ordered groups alone. */
  readonly #partitions = new Map<string, Partition>()
  readonly #source: Source
  #consumers: readonly Consumer[] = []
  readonly #ended = new AbortController()

  /** @throws BusError */
  static async open(
    model: ChannelModel,
    source: Source,
    options: SubscriptionOptions,
    events: AttachmentEvents,
  ): Promise<Attachment> {
    const { context, timeout, spec } = options
    const what = `the queue of ${spec.group === undefined ? 'a broadcast' : `group "${spec.group}"`} of "${spec.topic}"`
    const channel = await within(context.clock, timeout, model.createChannel(), 'a channel')
    let failure: unknown
    channel.on('error', error => {
      failure = error
    })
    const attachment = new Attachment(channel, source)
    try {
      const queues = await within(context.clock, timeout, source.open(channel, model), what)
      attachment.#consume(queues, model, options, events)
    } catch (error) {
      attachment.give()
      throw operationError(failure ?? error, what)
    }
    channel.on('close', () => {
      attachment.end()
      events.onEnded(attachment, failure ?? linkLost())
    })
    return attachment
  }

  private constructor(channel: Channel, source: Source) {
    this.channel = channel
    this.acks = new Acks(channel)
    this.#source = source
  }

  partitionOf({ lane }: RabbitDelivery): Partition | undefined {
    return this.#partitions.get(lane)
  }

  async prefetch(count: number): Promise<void> {
    await Promise.all(this.#consumers.map(consumer => consumer.prefetch(count)))
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

  /** After the last settlement. */
  async close(): Promise<void> {
    for (const partition of this.#partitions.values()) await partition.close()
    await this.#source.leave?.(this.channel)
    await this.channel.close()
  }

  #consume(
    queues: readonly string[],
    model: ChannelModel,
    options: SubscriptionOptions,
    events: AttachmentEvents,
  ): void {
    const { channel } = this
    this.#consumers = queues.map((queue, n) => {
      const held = this.#source.heldStates?.(n)
      if (held !== undefined) this.#partitions.set(queue, this.#partition(held, model, options, events))
      const consume = this.#source.consume(n)
      return new Consumer({
        channel,
        queue,
        ...(consume === undefined ? {} : { arguments: consume }),
        onMessage: message => events.onMessage(message, queue, this),
        onCancel: () => this.give(),
        onError: () => this.give(),
      })
    })
  }

  #partition(
    held: string,
    model: ChannelModel,
    { context, timeout, post, topology }: SubscriptionOptions,
    { deliver }: AttachmentEvents,
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
