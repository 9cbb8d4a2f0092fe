import type { Delivery, Settlement, Sink, Subscription, SubscriptionSpec } from '@busbar/core/adapter'
import type { Link } from '../connection/link.ts'
import type { TopicKeys } from '../names.ts'
import { Holding } from './holding.ts'
import { Presence } from './presence.ts'
import { type ReaderOptions, Reading } from './reading.ts'
import { RedisDelivery } from './redis-delivery.ts'
import type { StreamReply } from './replies.ts'

export interface BroadcastOptions extends ReaderOptions {
  readonly spec: SubscriptionSpec
  readonly sink: (subscription: Subscription) => Sink
  readonly keys: TopicKeys
  readonly name: string
  /** The entry after which it begins. */
  readonly after: string
}

type Limit = { readonly signal: AbortSignal }
const MOST = 500

/**
 * A subscription without a group reads the stream by itself, and remembers its place: after a lost connection it goes on
 * where it was. Nothing at the server knows what it has settled.
 */
export class Broadcast implements Subscription {
  readonly #o: BroadcastOptions
  readonly #sink: Sink
  readonly #reader: Link
  readonly #reading: Reading
  readonly #presence: Presence
  readonly #holding: Holding<RedisDelivery>
  #after: string

  constructor(options: BroadcastOptions) {
    this.#o = options
    this.#after = options.after
    this.#sink = options.sink(this)
    this.#holding = new Holding(this.#sink, options.spec.maxWindow)
    this.#reader = options.openReader(
      {
        onUp: () => this.#start(),
        onDown: cause => {
          if (!this.#holding.stopped) this.#sink.state('reconnecting', cause)
          this.#reading.wake()
        },
      },
      options.name,
    )
    this.#reading = new Reading({
      context: options.context,
      reader: this.#reader,
      link: options.link,
      free: () => this.#holding.free,
      read: free => this.#read(free),
      again: () => this.#start(),
    })
    this.#presence = new Presence(options.context.clock, options.link, options.keys.readers, options.name)
  }

  async start(): Promise<void> {
    await this.#presence.begin()
    await this.#reader.connect()
  }

  /** The shared connection is back: the server may have forgotten us. */
  resume(): void {
    this.#presence.tell().catch(() => {})
  }

  window(size: number): void {
    this.#holding.resize(size)
    this.#reading.wake()
  }

  settle(batch: readonly Settlement[]): void {
    const released: RedisDelivery[] = []
    for (const { kind, delivery } of batch) {
      this.#holding.held.delete(delivery)
      if (kind === 'release') released.push(delivery as RedisDelivery)
    }
    this.#holding.surplus.unshift(...released)
    queueMicrotask(() => {
      this.#sink.settled(batch, { status: 'done' })
      this.#holding.pass()
      this.#reading.wake()
    })
  }

  async mark(): Promise<void> {}

  async extend(): Promise<readonly Delivery[]> {
    return []
  }

  async flush(): Promise<void> {}

  async stop({ signal }: Limit): Promise<void> {
    this.#holding.stopped = true
    await this.#reading.stop(signal)
  }

  async close(limit: Limit): Promise<void> {
    await this.stop(limit)
    await this.#presence.end(limit.signal)
    await this.#reader.close()
    this.#o.onClosed(this)
  }

  #start(): void {
    if (this.#reader.state !== 'up' || this.#holding.stopped || this.#reading.running) return
    this.#sink.state('live')
    this.#reading.start()
  }

  async #read(free: number): Promise<void> {
    const { keys, block, spec } = this.#o
    const reply = (await this.#reader.call(
      'XREAD',
      ['COUNT', Math.min(free, MOST), 'BLOCK', block, 'STREAMS', keys.stream, this.#after],
      block,
    )) as StreamReply
    const deliveries: RedisDelivery[] = []
    for (const [id, fields] of reply?.[0]?.[1] ?? []) {
      this.#after = String(id)
      if (fields !== null) deliveries.push(new RedisDelivery(spec.topic, 1, this.#after, fields))
    }
    this.#holding.add(deliveries)
  }
}
