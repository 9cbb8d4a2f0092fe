import { Buffer } from 'node:buffer'
import type {
  AdapterContext,
  Delivery,
  Envelope,
  RawMessage,
  Settlement,
  Sink,
  Subscription,
  SubscriptionSpec,
} from '@busbar/core/adapter'
import { META } from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import { callError, type Link, NotSent } from '../connection/link.ts'
import type { GroupKeys, TopicKeys } from '../names.ts'
import { readEntry } from '../wire/entry.ts'
import { readFrame } from '../wire/frame.ts'
import { PRESENCE } from './broadcast.ts'
import { withoutTransport } from './redis-delivery.ts'

/** A request or a reply: nothing at the server is left of it once it was read. */
export class FrameDelivery implements Delivery {
  readonly topic: string
  readonly key?: string
  readonly envelope: Envelope | null
  readonly raw?: RawMessage
  readonly decodeError?: unknown
  readonly failures = 0
  readonly marks = 0
  readonly redeliveries = 0
  readonly lane: string
  readonly replyTo?: string
  readonly requestId?: string
  /** What was read, to give it back. */
  readonly frame: Buffer

  constructor(topic: string, frame: Buffer) {
    this.topic = topic
    this.lane = topic
    this.frame = frame
    const entry = readEntry(readFrame(frame) ?? [Buffer.from('body'), frame])
    const requestId = entry.meta[META.requestId]
    const replyTo = entry.meta[META.replyTo]
    if (entry.key !== undefined) this.key = entry.key
    if (requestId !== undefined) this.requestId = requestId
    if (replyTo !== undefined) this.replyTo = replyTo
    if (entry.envelope === null) {
      this.envelope = null
      if (entry.raw !== undefined) this.raw = entry.raw
      this.decodeError = entry.decodeError
    } else this.envelope = { ...entry.envelope, meta: withoutTransport(entry.meta) }
  }
}

export interface ResponderOptions {
  readonly spec: SubscriptionSpec & { readonly group: string }
  readonly sink: (subscription: Subscription) => Sink
  readonly keys: GroupKeys
  readonly topicKeys: TopicKeys
  readonly context: AdapterContext
  readonly name: string
  readonly link: Link
  readonly openReader: (events: { onUp(): void; onDown(cause: unknown): void }, name: string) => Link
  readonly onClosed: (subscription: Subscription) => void
  /** Milliseconds to block. */
  readonly block: number
  /** Whether the server takes several from a list at once (BLMPOP, since 7.0). */
  readonly popMany: boolean
}

const BEAT = 5_000
const MOST = 100

/** Requests to a group wait in a list; whoever takes one has it alone, and it is at most once. */
export class Responder implements Subscription {
  readonly #o: ResponderOptions
  readonly #sink: Sink
  readonly #reader: Link
  readonly #held = new Set<Delivery>()
  readonly #name: string
  #surplus: FrameDelivery[] = []
  #size = 0
  #looping: Promise<void> | undefined
  #stopped = false
  #beat: Timer | undefined
  #wake: (() => void) | undefined

  constructor(options: ResponderOptions) {
    this.#o = options
    this.#name = `${options.keys.requests}\n${options.name}`
    this.#sink = options.sink(this)
    this.#reader = options.openReader(
      {
        onUp: () => this.#start(),
        onDown: cause => {
          if (!this.#stopped) this.#sink.state('reconnecting', cause)
          this.#more()
        },
      },
      options.name,
    )
  }

  async start(): Promise<void> {
    await this.#reader.connect()
    await this.#register()
    this.#schedule()
  }

  /** The shared connection is back: the server may have forgotten us. */
  resume(): void {
    if (!this.#stopped) this.#register().catch(() => {})
  }

  window(size: number): void {
    this.#size = Math.max(0, Math.min(size, this.#o.spec.maxWindow))
    this.#deliver()
    this.#more()
  }

  settle(batch: readonly Settlement[]): void {
    const released: Buffer[] = []
    for (const { kind, delivery } of batch) {
      this.#held.delete(delivery)
      if (kind === 'release' || kind === 'retry') released.push((delivery as FrameDelivery).frame)
    }
    void this.#giveBack(released).finally(() => {
      this.#sink.settled(batch, { status: 'done' })
      this.#deliver()
      this.#more()
    })
  }

  async mark(): Promise<void> {}

  async extend(): Promise<readonly Delivery[]> {
    return []
  }

  async flush(): Promise<void> {}

  async stop({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#stopped = true
    this.#beat?.cancel()
    this.#more()
    const { link, topicKeys } = this.#o
    if (link.state !== 'up' || signal.aborted) return
    await link.call('ZREM', [topicKeys.responders, this.#name]).catch(() => {})
    while (this.#looping !== undefined && this.#reader.state === 'up' && !signal.aborted) {
      if (this.#reader.id !== undefined)
        await link.call('CLIENT', ['UNBLOCK', this.#reader.id]).catch(() => {})
      const again = new Promise<void>(resolve => this.#o.context.clock.setTimer(20, resolve))
      await Promise.race([this.#looping, again])
    }
    await this.#giveBack(this.#surplus.splice(0).map(d => d.frame))
  }

  async close(limit: { readonly signal: AbortSignal }): Promise<void> {
    await this.stop(limit)
    const unstarted = [...this.#held] as FrameDelivery[]
    this.#held.clear()
    if (!limit.signal.aborted) await this.#giveBack(unstarted.map(d => d.frame))
    await this.#reader.close()
    this.#o.onClosed(this)
  }

  async #giveBack(frames: readonly Buffer[]): Promise<void> {
    if (frames.length === 0 || this.#o.link.state !== 'up') return
    await this.#o.link.call('LPUSH', [this.#o.keys.requests, ...frames.toReversed()]).catch(() => {})
    await this.#o.link.call('PEXPIRE', [this.#o.keys.requests, REQUEST_LIFE]).catch(() => {})
  }

  async #register(): Promise<void> {
    const { context, link, topicKeys } = this.#o
    if (link.state !== 'up') return
    await link.call('ZADD', [topicKeys.responders, String(context.clock.now() + PRESENCE), this.#name])
  }

  #schedule(): void {
    this.#beat = this.#o.context.clock.setTimer(BEAT, () => {
      void this.#register().catch(() => {})
      if (!this.#stopped) this.#schedule()
    })
  }

  #start(): void {
    if (this.#looping !== undefined || this.#stopped) return
    this.#sink.state('live')
    this.#looping = this.#read()
      .catch(error => {
        if (error instanceof NotSent || this.#stopped) return
        const problem = callError(error)
        if (problem.code !== 'CONNECTION_LOST') this.#o.context.onError(problem, 'read requests')
      })
      .finally(() => {
        this.#looping = undefined
        if (this.#stopped) return
        this.#o.context.clock.setTimer(100, () => {
          if (this.#reader.state === 'up') this.#start()
        })
      })
  }

  async #read(): Promise<void> {
    const { keys, block, popMany, spec } = this.#o
    const seconds = String(block / 1000)
    while (!this.#stopped && this.#reader.state === 'up') {
      const free = this.#size - this.#held.size - this.#surplus.length
      if (free <= 0) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
        continue
      }
      const reply = (
        popMany
          ? await this.#reader.call(
              'BLMPOP',
              [seconds, 1, keys.requests, 'LEFT', 'COUNT', Math.min(free, MOST)],
              block,
            )
          : await this.#reader.call('BLPOP', [keys.requests, seconds], block)
      ) as [Buffer, Buffer[] | Buffer] | null
      if (reply === null) continue
      const frames = Array.isArray(reply[1]) ? reply[1] : [reply[1]]
      this.#surplus.push(...frames.map(frame => new FrameDelivery(spec.topic, frame)))
      this.#deliver()
    }
  }

  #deliver(): void {
    const room = this.#size - this.#held.size
    if (this.#stopped || room <= 0 || this.#surplus.length === 0) return
    const batch = this.#surplus.splice(0, room)
    for (const delivery of batch) this.#held.add(delivery)
    this.#sink.deliver(batch)
  }

  #more(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

/** What nobody takes is gone after a minute, whatever its own time. */
export const REQUEST_LIFE = 60_000
