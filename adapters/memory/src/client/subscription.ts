import type {
  Delivery,
  Settlement,
  SettlementResult,
  Sink,
  Subscription,
  SubscriptionSpec,
} from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import type { ConsumerQueue } from '../server/consumer-queue.ts'
import { connectionLost } from '../server/faults.ts'
import { Member, type MemberPort } from '../server/member.ts'
import type { MemoryDelivery } from '../server/memory-delivery.ts'
import type { Namespace } from '../server/namespace.ts'
import type { Link } from './link.ts'
import { settleBatch } from './settling.ts'

type Limit = { readonly signal: AbortSignal }

const LOST: SettlementResult = { status: 'lost', copied: false }

/** One subscription of one adapter: a member of a queue for as long as the connection lasts, and again with the next. */
export class MemorySubscription implements Subscription, MemberPort {
  readonly #link: Link
  readonly #namespace: Namespace
  readonly #spec: SubscriptionSpec
  readonly #sink: Sink
  readonly #onClosed: (subscription: MemorySubscription) => void
  readonly #onError: (error: unknown, where: string) => void
  readonly #member: Member
  #queue: ConsumerQueue
  #stopped = false
  #closed = false

  constructor(options: {
    link: Link
    namespace: Namespace
    spec: SubscriptionSpec
    sink: (subscription: Subscription) => Sink
    onClosed: (subscription: MemorySubscription) => void
    onError: (error: unknown, where: string) => void
  }) {
    this.#link = options.link
    this.#namespace = options.namespace
    this.#spec = options.spec
    this.#onClosed = options.onClosed
    this.#onError = options.onError
    this.#queue = options.namespace.queueFor(options.spec)
    this.#member = new Member(this, options.spec.lease)
    this.#sink = options.sink(this)
    this.#queue.attach(this.#member)
    this.#sink.state('live')
  }

  window(size: number): void {
    if (this.#stopped) return
    this.#member.window = Math.max(0, Math.min(size, this.#spec.maxWindow))
    this.#namespace.server.touch(this.#queue)
  }

  settle(batch: readonly Settlement[]): void {
    const lost = () => queueMicrotask(() => this.#report(batch, LOST))
    this.#link.send({
      kind: 'settle',
      run: answered => {
        const parts = settleBatch(this.#queue, this.#member, batch, this.#namespace.server)
        if (answered) for (const { settlements, result } of parts) this.#report(settlements, result)
      },
      cut: lost,
      down: lost,
      expired: error => this.#report(batch, { status: 'failed', error, retryable: true, copy: 'none' }),
    })
  }

  async mark(deliveries: readonly Delivery[]): Promise<void> {
    await this.#link.call(() => {
      const missing = deliveries.filter(d => !this.#queue.mark(this.#member, d as MemoryDelivery))
      if (missing.length === 0) return
      throw new BusError(
        'LEASE_LOST',
        `${missing.length} of ${deliveries.length} deliveries are no longer ours`,
      )
    })
  }

  extend(deliveries: readonly Delivery[], lease: number): Promise<readonly Delivery[]> {
    return this.#link.call(() => {
      const until = this.#namespace.server.now() + lease
      return deliveries.filter(d => !this.#queue.extend(this.#member, d as MemoryDelivery, until))
    })
  }

  flush({ signal }: Limit): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () =>
        reject(new BusError('ABORTED', 'flush was aborted before all settlements were taken over'))
      if (signal.aborted) return aborted()
      signal.addEventListener('abort', aborted, { once: true })
      const done = () => {
        signal.removeEventListener('abort', aborted)
        resolve()
      }
      // Without a connection nothing is on its way: what was, has been reported as lost.
      this.#link.send({ kind: 'call', run: done, cut: done, down: done, expired: reject })
    })
  }

  async stop(_limit: Limit): Promise<void> {
    this.window(0)
    this.#stopped = true
  }

  close({ signal }: Limit): Promise<void> {
    this.window(0)
    this.#stopped = true
    return new Promise(resolve => {
      const leave = (counted: boolean) => {
        signal.removeEventListener('abort', vanish)
        this.#leave(counted)
        resolve()
      }
      // Out of time for a goodbye: the broker sees a consumer that is gone.
      const vanish = () => leave(true)
      if (signal.aborted) return vanish()
      signal.addEventListener('abort', vanish, { once: true })
      const orderly = () => leave(false)
      this.#link.send({ kind: 'call', run: orderly, cut: orderly, down: orderly, expired: vanish })
    })
  }

  deliver(batch: readonly MemoryDelivery[]): void {
    this.#tell(sink => sink.deliver(batch))
    const { faults } = this.#namespace.server
    if (faults.active && faults.crashesConsumer()) this.#link.dropFor(faults.outage, connectionLost())
  }

  lost(deliveries: readonly MemoryDelivery[]): void {
    this.#tell(sink => sink.lost({ deliveries }))
  }

  dropped(cause: BusError): void {
    this.#queue.detach(this.#member, true)
    this.#tell(sink => sink.lost('all'))
    this.#tell(sink => sink.state('reconnecting', cause))
  }

  restored(): void {
    // The queue of a broadcast waited for its subscriber; a group of responders may have gone with its members.
    if (this.#queue.kind === 'requests') this.#queue = this.#namespace.queueFor(this.#spec)
    this.#queue.attach(this.#member)
    this.#tell(sink => sink.state('live'))
  }

  killed(): void {
    this.#queue.detach(this.#member, true)
    this.#namespace.removeIfEphemeral(this.#queue)
  }

  #leave(counted: boolean): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue.detach(this.#member, counted)
    this.#namespace.removeIfEphemeral(this.#queue)
    this.#onClosed(this)
  }

  #report(batch: readonly Settlement[], result: SettlementResult): void {
    this.#tell(sink => sink.settled(batch, result))
  }

  /** A sink does not throw; if one does, the broker and its other clients must not notice. */
  #tell(what: (sink: Sink) => void): void {
    try {
      what(this.#sink)
    } catch (error) {
      this.#onError(error, 'sink')
    }
  }
}
