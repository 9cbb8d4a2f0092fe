import type { Buffer } from 'node:buffer'
import type { Delivery, Settlement, Sink, Subscription, SubscriptionSpec } from '@busbar/core/adapter'
import type { Link } from '../connection/link.ts'
import type { GroupKeys, TopicKeys } from '../names.ts'
import { FrameDelivery } from './frame-delivery.ts'
import { Holding } from './holding.ts'
import { Presence } from './presence.ts'
import { type ReaderOptions, Reading } from './reading.ts'

export interface ResponderOptions extends ReaderOptions {
  readonly spec: SubscriptionSpec & { readonly group: string }
  readonly sink: (subscription: Subscription) => Sink
  readonly keys: GroupKeys
  readonly topicKeys: TopicKeys
  readonly name: string
  /** Whether the server takes several from a list at once (BLMPOP, since 7.0). */
  readonly popMany: boolean
}

type Limit = { readonly signal: AbortSignal }
const MOST = 100
/** What nobody takes is gone after a minute, whatever its own time. */
export const REQUEST_LIFE = 60_000

/** Requests to a group wait in a list; whoever takes one has it alone, and it is at most once. */
export class Responder implements Subscription {
  readonly #o: ResponderOptions
  readonly #sink: Sink
  readonly #reader: Link
  readonly #reading: Reading
  readonly #presence: Presence
  readonly #holding: Holding<FrameDelivery>

  constructor(options: ResponderOptions) {
    this.#o = options
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
    this.#presence = new Presence(
      options.context.clock,
      options.link,
      options.topicKeys.responders,
      `${options.keys.requests}\n${options.name}`,
    )
  }

  async start(): Promise<void> {
    await this.#reader.connect()
    await this.#presence.begin()
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
    const released: Buffer[] = []
    for (const { kind, delivery } of batch) {
      this.#holding.held.delete(delivery)
      if (kind === 'release' || kind === 'retry') released.push((delivery as FrameDelivery).frame)
    }
    const done = () => {
      this.#sink.settled(batch, { status: 'done' })
      this.#holding.pass()
      this.#reading.wake()
    }
    if (released.length === 0) done()
    else void this.#giveBack(released).finally(done)
  }

  async mark(): Promise<void> {}

  async extend(): Promise<readonly Delivery[]> {
    return []
  }

  async flush(): Promise<void> {}

  async stop({ signal }: Limit): Promise<void> {
    this.#holding.stopped = true
    // First the door, then the read: requests that come from now on are not for us.
    await this.#presence.end(signal)
    await this.#reading.stop(signal)
    if (!signal.aborted) await this.#giveBack(this.#holding.takeSurplus().map(d => d.frame))
  }

  async close(limit: Limit): Promise<void> {
    await this.stop(limit)
    const unstarted = [...this.#holding.held] as FrameDelivery[]
    this.#holding.held.clear()
    if (!limit.signal.aborted) await this.#giveBack(unstarted.map(d => d.frame))
    await this.#reader.close()
    this.#o.onClosed(this)
  }

  async #giveBack(frames: readonly Buffer[]): Promise<void> {
    if (frames.length === 0 || this.#o.link.state !== 'up') return
    await this.#o.link.call('LPUSH', [this.#o.keys.requests, ...frames.toReversed()]).catch(() => {})
    await this.#o.link.call('PEXPIRE', [this.#o.keys.requests, REQUEST_LIFE]).catch(() => {})
  }

  #start(): void {
    if (this.#reader.state !== 'up' || this.#holding.stopped || this.#reading.running) return
    this.#sink.state('live')
    this.#reading.start()
  }

  async #read(free: number): Promise<void> {
    const { keys, block, popMany, spec } = this.#o
    const seconds = String(block / 1000)
    const reply = (
      popMany
        ? await this.#reader.call(
            'BLMPOP',
            [seconds, 1, keys.requests, 'LEFT', 'COUNT', Math.min(free, MOST)],
            block,
          )
        : await this.#reader.call('BLPOP', [keys.requests, seconds], block)
    ) as [Buffer, Buffer[] | Buffer] | null
    if (reply === null) return
    const frames = Array.isArray(reply[1]) ? reply[1] : [reply[1]]
    this.#holding.add(frames.map(frame => new FrameDelivery(spec.topic, frame)))
  }
}
