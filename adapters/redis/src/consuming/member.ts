import type {
  AdapterContext,
  Delivery,
  Settlement,
  SettlementResult,
  Sink,
  Subscription,
  SubscriptionSpec,
} from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import { callError, type Link, NotSent } from '../connection/link.ts'
import type { GroupKeys } from '../names.ts'
import { LEAVE, OWNED } from '../scripts/recover.ts'
import { EXTEND, MARK } from '../scripts/settle.ts'
import type { RedisDelivery } from './redis-delivery.ts'
import { texts } from './replies.ts'

export interface MemberOptions {
  readonly spec: SubscriptionSpec & { readonly group: string }
  readonly sink: (subscription: Subscription) => Sink
  readonly keys: GroupKeys
  readonly context: AdapterContext
  /** This process's name in the group; ends in `.l` and the lease, by which others know when to take over. */
  readonly consumer: string
  /** The broker's shared connection. */
  readonly link: Link
  /** Makes the connection that this member blocks on. */
  readonly openReader: (events: { onUp(): void; onDown(cause: unknown): void }, name: string) => Link
  /** A delayed entry of the group is due then, by our clock. */
  readonly onDelayed: (due: number) => void
  readonly onClosed: (member: Subscription) => void
  /** Called now and then while subscribed: a good time to trim. */
  readonly onTick: () => void
  /** Milliseconds to block. */
  readonly block: number
  /** Makes the group again after somebody has deleted it. */
  readonly rejoin: () => Promise<void>
}

type Limit = { readonly signal: AbortSignal }
const DONE: SettlementResult = { status: 'done' }

/**
 * One member of a group: what core holds, what was read beyond core's window and is held back, the connection that waits for
 * more, and the recovery of both after a loss. How entries are read and settled is up to the kind of group.
 */
export abstract class Member implements Subscription {
  protected readonly o: MemberOptions
  protected readonly sink: Sink
  protected readonly reader: Link
  /** With core, unsettled. */
  protected readonly held = new Map<Delivery, RedisDelivery>()
  /** Read, and more than core may have now. */
  protected surplus: RedisDelivery[] = []
  protected stopped = false
  #size = 0
  #looping = false
  #resuming = false
  #recovered = false
  #closed = false
  #wake: (() => void) | undefined
  #tick: Timer | undefined
  readonly #idle = new Set<() => void>()
  readonly #settling = new Set<Promise<unknown>>()

  constructor(options: MemberOptions) {
    this.o = options
    this.sink = options.sink(this)
    this.reader = options.openReader(
      {
        onUp: () => this.resume(),
        onDown: cause => this.#readerDown(cause),
      },
      options.consumer,
    )
  }

  /** Reads until stopped or the connection is lost. */
  protected abstract read(): Promise<void>
  /** Settles, and reports each part as it is known. */
  protected abstract settleAll(batch: readonly Settlement[]): Promise<void>
  /** Gives entries back, uncounted. */
  protected abstract giveBack(entries: readonly RedisDelivery[]): Promise<void>
  /** Takes care of entries that are ours at the server and that we never got. */
  protected abstract fetch(refs: readonly (readonly [stream: string, id: string])[]): Promise<void>
  /** Takes over what crashed members left. */
  protected abstract reclaim(): Promise<void>

  /** Whether more may be read, and how much. */
  protected get free(): number {
    return this.stopped ? 0 : this.#size - this.held.size - this.surplus.length
  }

  async start(): Promise<void> {
    await this.reader.connect()
    this.#schedule()
  }

  window(size: number): void {
    if (this.stopped) return
    this.#size = Math.max(0, Math.min(size, this.o.spec.maxWindow))
    this.deliverSurplus()
    if (this.#size === 0) void this.#pause()
    else this.wake()
  }

  settle(batch: readonly Settlement[]): void {
    const work = this.settleAll(batch)
      .catch(error => this.report(batch, failed(error)))
      .finally(() => this.#settling.delete(work))
    this.#settling.add(work)
  }

  async mark(deliveries: readonly Delivery[]): Promise<void> {
    const { keys } = this.o
    const lost = await this.#owned(MARK, [keys.stream, keys.inbox, keys.marks], deliveries)
    if (lost.length === 0) return
    throw new BusError('LEASE_LOST', `${lost.length} of ${deliveries.length} deliveries are no longer ours`)
  }

  async extend(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    const lost = await this.#owned(EXTEND, [this.o.keys.stream, this.o.keys.inbox], deliveries)
    const now = this.o.context.clock.now()
    for (const delivery of deliveries as readonly RedisDelivery[]) delivery.leasedAt = now
    for (const delivery of lost) this.held.delete(delivery)
    this.#settledSome()
    return lost
  }

  async flush({ signal }: Limit): Promise<void> {
    await within(Promise.allSettled([...this.#settling]), signal)
  }

  async stop({ signal }: Limit): Promise<void> {
    this.stopped = true
    this.wake()
    await within(this.#pause(), signal).catch(() => {})
  }

  async close(limit: Limit): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.stop(limit)
    const goodbye = async () => {
      await Promise.allSettled([...this.#settling])
      const { keys, spec, consumer, link } = this.o
      await this.giveBack([...this.held.values()])
      await link.run(LEAVE, [keys.stream, keys.inbox], [spec.group, consumer])
    }
    // Without a connection there is nobody to say goodbye to; what is ours comes back to the group with its lease.
    if (this.o.link.state === 'up') await within(goodbye(), limit.signal).catch(() => {})
    this.held.clear()
    this.#tick?.cancel()
    await this.reader.close()
    this.o.onClosed(this)
  }

  /** Both connections are needed to go on; called when either has come up. */
  resume(): void {
    if (this.#looping || this.#resuming || this.#closed) return
    if (this.reader.state !== 'up' || this.o.link.state !== 'up') return
    this.#resuming = true
    void this.#resume().finally(() => {
      this.#resuming = false
      if (!this.#looping) this.o.context.clock.setTimer(RESUME_AGAIN, () => this.resume())
    })
  }

  /** The shared connection is gone, and with it the way to settle: what is still ours is fetched again when it is back. */
  dropped(): void {
    this.held.clear()
    this.surplus = []
    this.#recovered = false
    if (this.#closed) return
    this.tell(sink => sink.lost('all'))
    this.reader.drop()
  }

  protected deliver(entries: readonly RedisDelivery[]): void {
    const now = this.o.context.clock.now()
    for (const delivery of entries) delivery.leasedAt = now
    this.surplus.push(...entries)
    this.deliverSurplus()
  }

  protected deliverSurplus(): void {
    const room = this.#size - this.held.size
    if (this.stopped || room <= 0 || this.surplus.length === 0) return
    const batch = this.surplus.splice(0, room)
    for (const delivery of batch) this.held.set(delivery, delivery)
    this.tell(sink => sink.deliver(batch))
  }

  protected report(batch: readonly Settlement[], result: SettlementResult): void {
    if (result.status !== 'failed') for (const { delivery } of batch) this.held.delete(delivery)
    this.tell(sink => sink.settled(batch, result))
    this.#settledSome()
  }

  /** Tells core what a script said to each settlement, those that are done in one part. */
  protected reportEach(batch: readonly Settlement[], results: readonly SettlementResult[]): void {
    const done = batch.filter((_, i) => results[i]?.status === 'done')
    if (done.length > 0) this.report(done, DONE)
    batch.forEach((settlement, i) => {
      const result = results[i]
      if (result !== undefined && result.status !== 'done') this.report([settlement], result)
    })
  }

  protected tell(what: (sink: Sink) => void): void {
    try {
      what(this.sink)
    } catch (error) {
      this.o.context.onError(error, 'sink')
    }
  }

  /** Resolves when there may be room, or reason to stop. */
  protected room(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  protected wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  protected callFailed(error: unknown, where: string): void {
    if (error instanceof NotSent || this.#closed) return
    const problem = callError(error)
    if (problem.code !== 'CONNECTION_LOST') this.o.context.onError(problem, where)
  }

  #settledSome(): void {
    this.deliverSurplus()
    this.wake()
  }

  async #owned(
    script: typeof EXTEND,
    keys: readonly string[],
    deliveries: readonly Delivery[],
  ): Promise<readonly Delivery[]> {
    const args: string[] = [this.o.spec.group, this.o.consumer]
    for (const delivery of deliveries as readonly RedisDelivery[])
      args.push(String(delivery.stream), delivery.id)
    try {
      const answers = (await this.o.link.run(script, keys, args)) as number[]
      return deliveries.filter((_, i) => Number(answers[i]) !== 1)
    } catch (error) {
      throw callError(error)
    }
  }

  async #resume(): Promise<void> {
    try {
      if (!this.#recovered) await this.#recover()
    } catch (error) {
      if (/^NOGROUP/.test((error as Error).message)) await this.o.rejoin().catch(() => {})
      else this.callFailed(error, 'recover')
      return
    }
    if (this.reader.state !== 'up' || this.#closed) return
    this.#recovered = true
    this.#looping = true
    this.tell(sink => sink.state('live'))
    void this.read()
      .catch(async error => {
        if (/^NOGROUP/.test((error as Error).message)) await this.o.rejoin().catch(() => {})
        else this.callFailed(error, 'read')
      })
      .finally(() => {
        this.#looping = false
        for (const idle of this.#idle) idle()
        this.#idle.clear()
        if (!this.stopped) this.o.context.clock.setTimer(RESUME_AGAIN, () => this.resume())
      })
  }

  /** Compares what we think is ours with what the server says; a reply that was lost on the way is fetched again. */
  async #recover(): Promise<void> {
    const { keys, spec, consumer, link } = this.o
    const answer = texts(await link.run(OWNED, [keys.stream, keys.inbox], [spec.group, consumer]))
    const unknown = new Map<string, readonly [string, string]>()
    for (let i = 0; i + 1 < answer.length; i += 2) {
      const [stream = '', id = ''] = [answer[i], answer[i + 1]]
      unknown.set(stream + id, [stream, id])
    }
    const lost: RedisDelivery[] = []
    for (const delivery of this.held.values()) {
      if (!unknown.delete(delivery.ref) && !delivery.uncertain) lost.push(delivery)
    }
    this.surplus = this.surplus.filter(delivery => unknown.delete(delivery.ref))
    if (lost.length > 0) {
      for (const delivery of lost) this.held.delete(delivery)
      this.tell(sink => sink.lost({ deliveries: lost }))
    }
    if (unknown.size > 0 && !this.stopped) await this.fetch([...unknown.values()])
  }

  #readerDown(cause: unknown): void {
    this.#recovered = false
    if (!this.#closed) this.tell(sink => sink.state('reconnecting', cause))
    this.wake()
  }

  /** Stops a blocked read, and gives back what core cannot have. */
  async #pause(): Promise<void> {
    if (this.#looping && this.reader.state === 'up') {
      const idle = this.stopped ? new Promise<void>(resolve => this.#idle.add(resolve)) : undefined
      await this.#unblock(idle)
    }
    if (this.free > 0 || this.surplus.length === 0) return
    const entries = this.surplus.splice(0)
    await this.giveBack(entries).catch(error => this.callFailed(error, 'release'))
  }

  async #unblock(idle: Promise<void> | undefined): Promise<void> {
    const id = this.reader.id
    for (;;) {
      if (id !== undefined && this.o.link.state === 'up')
        await this.o.link.call('CLIENT', ['UNBLOCK', id]).catch(() => {})
      if (idle === undefined || !this.#looping || this.reader.state !== 'up') return
      // The read may still be on its way to the server, where there is nothing to unblock yet.
      const again = new Promise<void>(resolve => this.o.context.clock.setTimer(UNBLOCK_AGAIN, resolve))
      await Promise.race([idle, again])
    }
  }

  #schedule(): void {
    const { lease } = this.o.spec
    const wait = Math.min(Math.max(lease / 4, 250), 5_000) * (0.75 + this.o.context.random.next() / 2)
    this.#tick = this.o.context.clock.setTimer(wait, () => {
      void this.#beat().finally(() => {
        if (!this.#closed) this.#schedule()
      })
    })
  }

  async #beat(): Promise<void> {
    if (this.o.link.state !== 'up' || this.stopped) return
    try {
      const lost = new Set(this.surplus.length > 0 ? await this.extend(this.surplus) : [])
      this.surplus = this.surplus.filter(delivery => !lost.has(delivery))
      if (this.free > 0) await this.reclaim()
      this.o.onTick()
    } catch (error) {
      if (!/NOGROUP/.test(String((error as Error).message))) this.callFailed(error, 'reclaim')
    }
  }
}

const RESUME_AGAIN = 100
const UNBLOCK_AGAIN = 50

export function failed(error: unknown): SettlementResult {
  return {
    status: 'failed',
    error: callError(error),
    retryable: callError(error).retryable,
    // A script writes the copy and acknowledges in one step: repeating it cannot write another one.
    copy: 'none',
  }
}

/** Rejects when the signal aborts first. */
async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new BusError('ABORTED', 'the time was up'))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
