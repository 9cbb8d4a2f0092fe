import type { Broker, Outgoing, PublishLimits, PublishResult } from '../adapter/broker.ts'
import { Deque } from '../collections/deque.ts'
import { BusError } from '../errors/bus-error.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { Random } from '../time/random.ts'
import { OrderedKeys } from './ordered-keys.ts'
import type { PublishReceipt } from './publish.ts'
import { PublishEntry } from './publish-entry.ts'
import * as errors from './publish-errors.ts'

export interface PublishQueueOptions {
  readonly maxInFlight: number
  readonly maxInFlightBytes: number
  readonly maxWaiting: number
  readonly clock: Clock
  readonly random: Random
}

export interface EnqueueOptions {
  /** Milliseconds until it rejects. */
  readonly timeout: number
  /** Whether a key's next publish waits for this one. */
  readonly ordered: boolean
  /** Sent once, whatever comes of it: requests and replies. */
  readonly once: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * Carries publishes to the broker: gathers those of one turn, and those that arrive while batches are on their way, into
 * batches (there is no timer in the way of the first); bounds what is in flight by count and bytes; sends again what was
 * refused for now or whose fate is unknown, under the same dedupe id; and settles every publish by its deadline, whatever
 * the broker does.
 */
export class PublishQueue {
  readonly #broker: Pick<Broker, 'publish' | 'sizeOf'>
  readonly #limits: PublishLimits
  readonly #options: PublishQueueOptions
  readonly #queue = new Deque<PublishEntry>()
  /** Beyond the bounds: admitted in order as others settle. */
  readonly #waiting = new Deque<PublishEntry>()
  readonly #live = new Set<PublishEntry>()
  readonly #keys = new OrderedKeys()
  readonly #retryTimers = new Map<Timer, readonly PublishEntry[]>()
  readonly #flushWaiters: (() => void)[] = []
  #order = 0
  #admitted = 0
  #admittedBytes = 0
  #batches = 0
  #scheduled = false
  #deadlineTimer: Timer | undefined
  #deadlineDue = Number.POSITIVE_INFINITY
  #closed = false
  #confirmed = 0
  #failed = 0
  #retried = 0

  constructor(broker: Pick<Broker, 'publish' | 'sizeOf' | 'limits'>, options: PublishQueueOptions) {
    this.#broker = broker
    this.#limits = broker.limits
    this.#options = options
  }

  get stats() {
    return {
      published: this.#confirmed,
      publishFailed: this.#failed,
      publishRetried: this.#retried,
      publishing: this.#live.size,
    }
  }

  /** @throws BusError PAYLOAD_TOO_LARGE, PUBLISH_OVERFLOW, BUS_CLOSED or ABORTED, all as rejections. */
  enqueue(outgoing: Outgoing, id: string, options: EnqueueOptions): Promise<PublishReceipt> {
    const size = this.#broker.sizeOf(outgoing)
    const refused = this.#refusal(size, options)
    if (refused !== undefined) {
      this.#failed++
      return Promise.reject(refused)
    }
    return new Promise((resolve, reject) => {
      const entry = new PublishEntry(
        outgoing,
        id,
        size,
        options,
        this.#options.clock.now() + options.timeout,
        resolve,
        reject,
      )
      entry.order = ++this.#order
      this.#live.add(entry)
      this.#watchDeadline(entry.deadline)
      if (options.signal !== undefined) this.#watchSignal(entry, options.signal)
      if (this.#fits(size) && this.#waiting.length === 0) this.#admit(entry)
      else this.#waiting.push(entry)
    })
  }

  /** Resolves when everything enqueued so far has settled. */
  async flush(): Promise<void> {
    const upTo = this.#order
    // In the order of their calls, so the oldest is first.
    const oldest = () => this.#live.values().next().value?.order ?? Number.POSITIVE_INFINITY
    while (oldest() <= upTo) await new Promise<void>(resolve => this.#flushWaiters.push(resolve))
  }

  /** The link is back: what waits for its next try goes now. */
  kick(): void {
    for (const [timer, entries] of this.#retryTimers) {
      timer.cancel()
      this.#requeue(entries)
    }
    this.#retryTimers.clear()
  }

  /** Rejects what has not settled, and everything from now on. */
  close(): void {
    this.#closed = true
    this.#deadlineTimer?.cancel()
    for (const timer of this.#retryTimers.keys()) timer.cancel()
    this.#retryTimers.clear()
    for (const entry of [...this.#live]) this.#reject(entry, errors.atClose(entry))
  }

  // --- admission --------------------------------------------------------------------------------------------------

  #refusal(size: number, options: EnqueueOptions): BusError | undefined {
    if (this.#closed) return errors.closed()
    if (options.signal?.aborted) return errors.aborted(false, options.signal.reason)
    if (size > this.#limits.messageBytes) return errors.tooLarge(size, this.#limits.messageBytes)
    if (this.#waiting.length >= this.#options.maxWaiting) return errors.overflow(this.#waiting.length)
    return undefined
  }

  #fits(size: number): boolean {
    // One message larger than the byte bound still goes, alone.
    return (
      this.#admitted < this.#options.maxInFlight &&
      (this.#admittedBytes + size <= this.#options.maxInFlightBytes || this.#admitted === 0)
    )
  }

  #admit(entry: PublishEntry): void {
    entry.admitted = true
    this.#admitted++
    this.#admittedBytes += entry.size
    if (entry.lane !== undefined && !this.#keys.enter(entry)) return
    this.#queue.push(entry)
    this.#schedule()
  }

  // --- sending ----------------------------------------------------------------------------------------------------

  #schedule(): void {
    if (this.#scheduled || this.#batches >= this.#limits.batchesInFlight || this.#queue.length === 0) return
    this.#scheduled = true
    queueMicrotask(this.#sendAll)
  }

  #sendAll = (): void => {
    this.#scheduled = false
    while (!this.#closed && this.#batches < this.#limits.batchesInFlight) {
      const batch = this.#nextBatch()
      if (batch.length === 0) return
      this.#send(batch)
    }
  }

  #nextBatch(): PublishEntry[] {
    const batch: PublishEntry[] = []
    let bytes = 0
    for (let entry = this.#queue.peek(); entry !== undefined; entry = this.#queue.peek()) {
      if (!entry.done) {
        if (
          batch.length >= this.#limits.batchSize ||
          (batch.length > 0 && bytes + entry.size > this.#limits.batchBytes)
        )
          break
        this.#queue.shift()
        if (entry.lane !== undefined && !this.#keys.join(entry, batch)) continue
        bytes += entry.size
        entry.sent = true
        entry.onWire = true
        batch.push(entry)
      } else this.#queue.shift()
    }
    return batch
  }

  #send(batch: readonly PublishEntry[]): void {
    this.#batches++
    this.#broker.publish(batch.map(entry => entry.outgoing)).then(
      results => this.#answered(batch, results),
      error =>
        this.#answered(
          batch,
          batch.map(() => ({ status: 'unknown', cause: error }) as const),
        ),
    )
  }

  #answered(batch: readonly PublishEntry[], results: readonly PublishResult[]): void {
    this.#batches--
    let again: PublishEntry[] | undefined
    for (let i = 0; i < batch.length; i++) {
      const entry = batch[i] as PublishEntry
      const result = results[i] ?? {
        status: 'unknown',
        cause: new BusError('INTERNAL', 'the adapter gave no result for this message'),
      }
      entry.onWire = false
      if (result.status === 'unknown') entry.unsure = true
      if (entry.done) this.#release(entry)
      else if (result.status === 'confirmed') {
        if (entry.outgoing.to.kind === 'topic') this.#confirmed++
        this.#settle(entry)
        entry.resolve({ id: entry.id, position: result.position, duplicate: result.duplicate === true })
      } else if (result.status === 'failed' && (!result.error.retryable || entry.once)) {
        this.#reject(entry, result.error)
      } else if (result.status === 'unknown' && entry.once) {
        this.#reject(entry, errors.unknown(entry, result.cause))
      } else {
        entry.last = result
        again ??= []
        again.push(entry)
      }
    }
    if (again !== undefined) this.#retryLater(again)
    this.#schedule()
  }

  #retryLater(entries: readonly PublishEntry[]): void {
    this.#retried += entries.length
    let tries = 0
    for (const entry of entries) tries = Math.max(tries, ++entry.tries)
    const wait = Math.min(50 * 2 ** (tries - 1), 5_000) * (0.5 + this.#options.random.next() / 2)
    const timer = this.#options.clock.setTimer(
      wait,
      () => {
        this.#retryTimers.delete(timer)
        this.#requeue(entries)
      },
      { keepAlive: true },
    )
    this.#retryTimers.set(timer, entries)
  }

  /** In front, in their old order: nothing of their keys has gone in the meantime. */
  #requeue(entries: readonly PublishEntry[]): void {
    for (const entry of [...entries].reverse()) {
      if (entry.done) continue
      if (entry.lane !== undefined) this.#keys.requeue(entry)
      this.#queue.unshift(entry)
    }
    this.#schedule()
  }

  // --- settling ---------------------------------------------------------------------------------------------------

  #reject(entry: PublishEntry, error: BusError): void {
    this.#failed++
    this.#settle(entry)
    entry.reject(error)
  }

  #settle(entry: PublishEntry): void {
    entry.done = true
    entry.unwatch?.()
    this.#live.delete(entry)
    if (entry.admitted) {
      this.#admitted--
      this.#admittedBytes -= entry.size
    } else this.#waiting.remove(entry)
    // What was abandoned on the wire keeps its key until the broker answers: its successor must not overtake it.
    if (entry.admitted && !entry.onWire) this.#release(entry)
    while (this.#waiting.length > 0 && this.#fits(this.#waiting.peek()?.size ?? 0)) {
      this.#admit(this.#waiting.shift() as PublishEntry)
    }
    if (this.#flushWaiters.length > 0) for (const wake of this.#flushWaiters.splice(0)) wake()
  }

  #release(entry: PublishEntry): void {
    if (entry.lane === undefined) return
    for (const next of this.#keys.leave(entry).reverse()) if (!next.done) this.#queue.unshift(next)
    this.#schedule()
  }

  // --- deadlines --------------------------------------------------------------------------------------------------

  #watchDeadline(deadline: number): void {
    if (deadline >= this.#deadlineDue) return
    this.#deadlineTimer?.cancel()
    this.#deadlineDue = deadline
    this.#deadlineTimer = this.#options.clock.setTimer(
      Math.max(0, deadline - this.#options.clock.now()),
      () => this.#expire(),
    )
  }

  #expire(): void {
    const now = this.#options.clock.now()
    this.#deadlineDue = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const entry of [...this.#live]) {
      if (entry.deadline <= now) this.#reject(entry, errors.timedOut(entry))
      else next = Math.min(next, entry.deadline)
    }
    if (next !== Number.POSITIVE_INFINITY) this.#watchDeadline(next)
  }

  #watchSignal(entry: PublishEntry, signal: AbortSignal): void {
    const onAbort = () => this.#reject(entry, errors.aborted(entry.sent, signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    entry.unwatch = () => signal.removeEventListener('abort', onAbort)
  }
}
