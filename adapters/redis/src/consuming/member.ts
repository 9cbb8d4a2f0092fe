import type {
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
import { Holding } from './holding.ts'
import { type ReaderOptions, Reading } from './reading.ts'
import type { RedisDelivery } from './redis-delivery.ts'
import { texts } from './replies.ts'
import { within } from './within.ts'

export interface MemberOptions extends ReaderOptions {
  readonly spec: SubscriptionSpec & { readonly group: string }
  readonly sink: (subscription: Subscription) => Sink
  readonly keys: GroupKeys
  /** This process's name in the group; ends in `.l` and the lease, by which others know when to take over. */
  readonly consumer: string
  /** A delayed entry of the group is due then, by our clock. */
  readonly onDelayed: (due: number) => void
  /** Called now and then while subscribed: a good time to trim. */
  readonly onTick: () => void
  /** Makes the group again after somebody has deleted it. */
  readonly rejoin: () => Promise<void>
}

type Limit = { readonly signal: AbortSignal }
export const DONE: SettlementResult = { status: 'done' }

/**
 * One member of a group: the connection that waits for more, what core holds, and the recovery of both after a loss. How entries are
 * read and settled is up to the kind of group.
 */
export abstract class Member implements Subscription {
  protected readonly o: MemberOptions
  protected readonly sink: Sink
  protected readonly reader: Link
  protected readonly holding: Holding<RedisDelivery>
  readonly #reading: Reading
  /** What we think is ours has been compared with what the server says, since the connection came back. */
  #recovered = false
  #recovering = false
  #closed = false
  #tick: Timer | undefined
  readonly #settling = new Set<Promise<unknown>>()

  constructor(options: MemberOptions) {
    this.o = options
    this.sink = options.sink(this)
    this.holding = new Holding(this.sink, options.spec.maxWindow)
    this.reader = options.openReader(
      {
        onUp: () => this.resume(),
        onDown: cause => this.#readerDown(cause),
      },
      options.consumer,
    )
    this.#reading = new Reading({
      context: options.context,
      reader: this.reader,
      link: options.link,
      free: () => this.holding.free,
      read: free => this.read(free),
      failed: error => this.#failed(error, 'read'),
      again: () => this.resume(),
    })
  }

  /** Reads and delivers. */
  protected abstract read(free: number): Promise<void>
  /** Settles, and reports each part as it is known. */
  protected abstract settleAll(batch: readonly Settlement[]): Promise<void>
  /** Gives entries back, uncounted. */
  protected abstract giveBack(entries: readonly RedisDelivery[]): Promise<void>
  /** Takes care of entries that are ours at the server and that we never got. */
  protected abstract fetch(refs: readonly (readonly [stream: string, id: string])[]): Promise<void>
  /** Takes over what crashed members left. */
  protected abstract reclaim(): Promise<void>

  async start(): Promise<void> {
    await this.reader.connect()
    this.#schedule()
  }

  window(size: number): void {
    if (this.holding.stopped) return
    this.holding.resize(size)
    if (size <= 0) void this.#pause()
    else this.#reading.wake()
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
    for (const delivery of lost) this.holding.held.delete(delivery)
    this.#settledSome()
    return lost
  }

  async flush({ signal }: Limit): Promise<void> {
    await within(Promise.allSettled([...this.#settling]), signal)
  }

  async stop({ signal }: Limit): Promise<void> {
    this.holding.stopped = true
    await within(this.#reading.stop(signal), signal).catch(() => {})
    await within(this.#releaseSurplus(), signal).catch(() => {})
  }

  async close(limit: Limit): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.stop(limit)
    const goodbye = async () => {
      await Promise.allSettled([...this.#settling])
      const { keys, spec, consumer, link } = this.o
      await this.giveBack([...this.holding.held] as RedisDelivery[])
      await link.run(LEAVE, [keys.stream, keys.inbox], [spec.group, consumer])
    }
    // Without a connection there is nobody to say goodbye to; what is ours comes back to the group with its lease.
    if (this.o.link.state === 'up') await within(goodbye(), limit.signal).catch(() => {})
    this.holding.held.clear()
    this.#tick?.cancel()
    await this.reader.close()
    this.o.onClosed(this)
  }

  /** Both connections are needed to go on; called when either has come up. */
  resume(): void {
    if (this.#reading.running || this.#recovering || this.holding.stopped) return
    if (this.reader.state !== 'up' || this.o.link.state !== 'up') return
    this.#recovering = true
    void this.#resume().finally(() => {
      this.#recovering = false
      if (!this.#reading.running && !this.holding.stopped) this.#reading.later()
    })
  }

  /** The shared connection is gone, and with it the way to settle: what is still ours is fetched again when it is back. */
  dropped(): void {
    this.holding.held.clear()
    this.holding.surplus = []
    this.#recovered = false
    if (this.#closed) return
    this.sink.lost('all')
    this.reader.drop()
  }

  /** Entries that are ours from now on. */
  protected async took(entries: readonly RedisDelivery[]): Promise<void> {
    const now = this.o.context.clock.now()
    for (const delivery of entries) delivery.leasedAt = now
    this.holding.add(entries)
    if (this.holding.stopped) await this.#releaseSurplus()
  }

  protected report(batch: readonly Settlement[], result: SettlementResult): void {
    const { held } = this.holding
    if (result.status !== 'failed') for (const { delivery } of batch) held.delete(delivery)
    this.sink.settled(batch, result)
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

  protected callFailed(error: unknown, where: string): void {
    if (error instanceof NotSent || this.#closed) return
    const problem = callError(error)
    if (problem.code !== 'CONNECTION_LOST') this.o.context.onError(problem, where)
  }

  async #failed(error: unknown, where: string): Promise<void> {
    if (/^NOGROUP/.test((error as Error).message)) await this.o.rejoin().catch(() => {})
    else this.callFailed(error, where)
  }

  #settledSome(): void {
    this.holding.pass()
    this.#reading.wake()
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
      await this.#failed(error, 'recover')
      return
    }
    if (this.reader.state !== 'up' || this.holding.stopped) return
    this.#recovered = true
    this.sink.state('live')
    this.#reading.start()
  }

  /** Compares what we think is ours with what the server says; a reply that was lost on the way is fetched again. */
  async #recover(): Promise<void> {
    const { keys, spec, consumer, link } = this.o
    const { holding } = this
    const answer = texts(await link.run(OWNED, [keys.stream, keys.inbox], [spec.group, consumer]))
    const unknown = new Map<string, readonly [string, string]>()
    for (let i = 0; i + 1 < answer.length; i += 2) {
      const [stream = '', id = ''] = [answer[i], answer[i + 1]]
      unknown.set(stream + id, [stream, id])
    }
    const lost: RedisDelivery[] = []
    for (const delivery of [...holding.held] as RedisDelivery[]) {
      if (!unknown.delete(delivery.ref) && !delivery.uncertain) lost.push(delivery)
    }
    holding.surplus = holding.surplus.filter(delivery => unknown.delete(delivery.ref))
    if (lost.length > 0) {
      for (const delivery of lost) holding.held.delete(delivery)
      this.sink.lost({ deliveries: lost })
    }
    if (unknown.size > 0 && !holding.stopped) await this.fetch([...unknown.values()])
  }

  #readerDown(cause: unknown): void {
    this.#recovered = false
    if (!this.#closed) this.sink.state('reconnecting', cause)
    this.#reading.wake()
  }

  /** Stops a blocked read, and gives back what core cannot have. */
  async #pause(): Promise<void> {
    await this.#reading.unblock()
    if (this.holding.free <= 0) await this.#releaseSurplus()
  }

  async #releaseSurplus(): Promise<void> {
    const entries = this.holding.takeSurplus()
    if (entries.length > 0) await this.giveBack(entries).catch(error => this.callFailed(error, 'release'))
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
    const { holding } = this
    if (this.o.link.state !== 'up' || holding.stopped) return
    try {
      const lost = new Set(holding.surplus.length > 0 ? await this.extend([...holding.surplus]) : [])
      holding.surplus = holding.surplus.filter(delivery => !lost.has(delivery))
      if (holding.free > 0) await this.reclaim()
      this.o.onTick()
    } catch (error) {
      if (!/NOGROUP/.test(String((error as Error).message))) this.callFailed(error, 'reclaim')
    }
  }
}

export function failed(error: unknown): SettlementResult {
  return {
    status: 'failed',
    error: callError(error),
    retryable: callError(error).retryable,
    // A script writes the copy and acknowledges in one step: repeating it cannot write another one.
    copy: 'none',
  }
}
