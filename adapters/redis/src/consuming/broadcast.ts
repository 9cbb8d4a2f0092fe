import type {
  AdapterContext,
  Delivery,
  Settlement,
  Sink,
  StartPosition,
  Subscription,
  SubscriptionSpec,
} from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import { callError, type Link, NotSent } from '../connection/link.ts'
import type { TopicKeys } from '../names.ts'
import { RedisDelivery } from './redis-delivery.ts'
import type { StreamReply } from './replies.ts'

export interface BroadcastOptions {
  readonly spec: SubscriptionSpec
  readonly sink: (subscription: Subscription) => Sink
  readonly keys: TopicKeys
  readonly context: AdapterContext
  readonly name: string
  readonly link: Link
  readonly openReader: (events: { onUp(): void; onDown(cause: unknown): void }, name: string) => Link
  readonly onClosed: (subscription: Subscription) => void
  readonly block: number
  /** The entry after which it begins. */
  readonly after: string
}

/** How long a subscription counts as there without a sign of life. */
export const PRESENCE = 15_000
const BEAT = 5_000
const MOST = 500

/**
 * A subscription without a group reads the stream by itself, and remembers its place: after a lost connection it goes on
 * where it was. Nothing at the server knows what it has settled.
 */
export class Broadcast implements Subscription {
  readonly #o: BroadcastOptions
  readonly #sink: Sink
  readonly #reader: Link
  readonly #held = new Set<Delivery>()
  #waiting: RedisDelivery[] = []
  #after: string
  #size = 0
  #looping = false
  #stopped = false
  #beat: Timer | undefined
  #wake: (() => void) | undefined

  constructor(options: BroadcastOptions) {
    this.#o = options
    this.#after = options.after
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
    await this.#present()
    await this.#reader.connect()
  }

  window(size: number): void {
    this.#size = Math.max(0, Math.min(size, this.#o.spec.maxWindow))
    this.#deliver()
    this.#more()
  }

  settle(batch: readonly Settlement[]): void {
    const released: RedisDelivery[] = []
    for (const { kind, delivery } of batch) {
      this.#held.delete(delivery)
      if (kind === 'release') released.push(delivery as RedisDelivery)
    }
    this.#waiting.unshift(...released)
    queueMicrotask(() => {
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

  async stop(): Promise<void> {
    this.#stopped = true
    this.#more()
  }

  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#stopped = true
    this.#beat?.cancel()
    this.#more()
    await this.#reader.close()
    if (!signal.aborted && this.#o.link.state === 'up')
      await this.#o.link.call('ZREM', [this.#o.keys.readers, this.#o.name]).catch(() => {})
    this.#o.onClosed(this)
  }

  /** A sign of life, for publishers that must reach somebody. */
  async #present(): Promise<void> {
    const { context, link, keys, name } = this.#o
    if (link.state === 'up')
      await link.call('ZADD', [keys.readers, String(context.clock.now() + PRESENCE), name]).catch(() => {})
    if (!this.#stopped) this.#beat = context.clock.setTimer(BEAT, () => void this.#present())
  }

  #start(): void {
    if (this.#looping || this.#stopped) return
    this.#looping = true
    this.#sink.state('live')
    this.#read()
      .catch(error => {
        if (error instanceof NotSent || this.#stopped) return
        const problem = callError(error)
        if (problem.code !== 'CONNECTION_LOST') this.#o.context.onError(problem, 'read')
      })
      .finally(() => {
        this.#looping = false
        if (this.#stopped || this.#reader.state !== 'up') return
        this.#o.context.clock.setTimer(100, () => {
          if (this.#reader.state === 'up') this.#start()
        })
      })
  }

  async #read(): Promise<void> {
    const { keys, block, spec } = this.#o
    while (!this.#stopped && this.#reader.state === 'up') {
      const free = this.#size - this.#held.size - this.#waiting.length
      if (free <= 0) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
        continue
      }
      const reply = (await this.#reader.call(
        'XREAD',
        ['COUNT', Math.min(free, MOST), 'BLOCK', block, 'STREAMS', keys.stream, this.#after],
        block,
      )) as StreamReply
      const entries = reply?.[0]?.[1] ?? []
      for (const [id, fields] of entries) {
        this.#after = String(id)
        if (fields !== null) this.#waiting.push(new RedisDelivery(spec.topic, 1, this.#after, fields))
      }
      this.#deliver()
    }
  }

  #deliver(): void {
    const room = this.#size - this.#held.size
    if (this.#stopped || room <= 0 || this.#waiting.length === 0) return
    const batch = this.#waiting.splice(0, room)
    for (const delivery of batch) this.#held.add(delivery)
    this.#sink.deliver(batch)
  }

  #more(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

/** The id after which a start position lies, as XREAD and XGROUP take it; undefined for what is no position here. */
export function idBefore(start: StartPosition): string | undefined {
  if (start === 'new') return '$'
  if (start === 'earliest') return '0'
  if ('time' in start) return before(start.time.getTime(), 0n)
  const match = /^(\d{1,15})-(\d{1,20})$/.exec(start.position)
  return match === null ? undefined : before(Number(match[1]), BigInt(match[2] as string))
}

const LAST = 2n ** 64n - 1n

function before(ms: number, sequence: bigint): string {
  if (sequence > 0n) return `${ms}-${sequence - 1n}`
  return ms <= 0 ? '0' : `${ms - 1}-${LAST}`
}
