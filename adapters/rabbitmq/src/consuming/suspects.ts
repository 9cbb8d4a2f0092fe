import type { AdapterContext } from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import type { Channel } from 'amqplib'
import type { Link } from '../connection/link.ts'
import { within } from '../connection/within.ts'
import { unlimited } from '../topology/declare.ts'
import { Acks } from './acks.ts'
import type { Copies } from './copies.ts'
import type { RabbitDelivery } from './delivery.ts'
import { uniqueId } from './unique-id.ts'

export interface SuspectOptions {
  readonly context: AdapterContext
  readonly timeout: number
  readonly copies: Copies
  readonly link: Link
  readonly nameOf: (id: string) => string
  readonly onLost: (delivery: RabbitDelivery) => void
}

/** Milliseconds after its consumer is gone until a suspect is back in its group's queue. */
const BACK_AFTER = 500
/** Milliseconds after which the broker removes the empty queue of a process that ended without doing so. */
const EXPIRES = 3_600_000

/** The suspects of one subscription, each in a queue of its own while it is handled. */
export class Suspects {
  readonly #options: SuspectOptions
  readonly #all = new Map<RabbitDelivery, { readonly channel: Channel; readonly queue: string }>()

  constructor(options: SuspectOptions) {
    this.#options = options
  }

  async mark(deliveries: readonly RabbitDelivery[]): Promise<void> {
    const { context, nameOf, onLost } = this.#options
    for (const delivery of deliveries) {
      const queue = nameOf(uniqueId(context))
      const channel = await markSuspect(delivery, { own: queue, home: delivery.lane }, this.#options)
      this.#all.set(delivery, { channel, queue })
      channel.on('close', () => {
        if (this.#all.delete(delivery)) onLost(delivery)
      })
    }
  }

  /** Its queue is of no more use. */
  settled(delivery: RabbitDelivery): void {
    const suspect = this.#all.get(delivery)
    if (suspect === undefined) return
    this.#all.delete(delivery)
    const { channel, queue } = suspect
    channel.deleteQueue(queue, { ifEmpty: true }).then(
      () => end(channel),
      () => {},
    )
  }

  /** Gives them back: what is in their queues moves to the group by itself. */
  clear(): void {
    const all = [...this.#all.values()]
    this.#all.clear()
    for (const { channel } of all) end(channel)
  }
}

function end(channel: Channel): void {
  try {
    channel.close().catch(() => {})
  } catch {
    // It is ending already.
  }
}

/**
 * Records that a suspect is about to start. A message on RabbitMQ cannot be changed, so it is copied, with its mark, into a queue of
 * its own that this process alone consumes from. If the process dies, the copy's time to live moves it back to the group; if not, the
 * copy is what gets settled.
 */
async function markSuspect(
  delivery: RabbitDelivery,
  queues: { readonly own: string; readonly home: string },
  options: SuspectOptions,
): Promise<Channel> {
  const { context, timeout, link } = options
  const channel = await within(context.clock, timeout, link.model.createChannel(), 'a channel')
  channel.on('error', () => {})
  try {
    await moveTo(channel, delivery, queues, options)
    return channel
  } catch (error) {
    // What it may have been given goes back to the group.
    end(channel)
    throw error
  }
}

async function moveTo(
  channel: Channel,
  delivery: RabbitDelivery,
  queues: { readonly own: string; readonly home: string },
  { context, timeout, copies, link }: SuspectOptions,
): Promise<void> {
  const soon = <T>(promise: Promise<T>, what: string) => within(context.clock, timeout, promise, what)
  const acks = new Acks(channel)
  channel.on('close', () => acks.end())
  await soon(declareFor(channel, queues, link.serverVersion), 'a queue for the suspect')
  const arrived = Promise.withResolvers<number>()
  // Before the copy is there: what waits for a consumer longer than its time to live goes back to the group.
  const consuming = channel.consume(queues.own, message => {
    if (message !== null) arrived.resolve(message.fields.deliveryTag)
  })
  await soon(consuming, 'a queue for the suspect')
  const posted = await copies.into(queues.own, delivery, undefined, {
    marks: delivery.marks + 1,
    redeliveries: delivery.redeliveries,
  })
  if (posted.status !== 'confirmed' || !posted.routed) {
    throw new BusError('SETTLEMENT_FAILED', "a suspect's start could not be recorded", {
      retryable: true,
      cause: posted.status === 'failed' ? posted.error : posted,
    })
  }
  const tag = await soon(arrived.promise, "a suspect's copy")
  acks.opened(tag)
  if (delivery.acks.ended) throw new BusError('LEASE_LOST', 'the delivery is no longer ours')
  // The handler may end the process at once: were the original still unacked then, it would come again unmarked, each time.
  delivery.acks.add(delivery.tag, () => {})
  await soon(delivery.acks.taken(), "a suspect's original")
  delivery.acks = acks
  delivery.tag = tag
}

async function declareFor(
  channel: Channel,
  { own, home }: { readonly own: string; readonly home: string },
  version: string,
): Promise<void> {
  await channel.assertQueue(own, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      ...unlimited(version),
      'x-expires': EXPIRES,
      'x-message-ttl': BACK_AFTER,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': home,
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    },
  })
  await channel.prefetch(1)
}
