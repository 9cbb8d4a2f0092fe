import { SortedDeque } from '../structures/sorted-deque.ts'
import type { Member } from './member.ts'
import type { QueueEntry } from './queue-entry.ts'

/** Which entry goes next, and to whom. Every `take` is followed by `done`, `putBack` or `hold` of that entry. */
export interface ReadyQueue {
  /** Entries that wait for a member. */
  readonly size: number
  /** A new entry, behind all others. */
  arrive(entry: QueueEntry): void
  /** The next entry that this member may have. */
  take(member: Member): QueueEntry | undefined
  /** Settled for good. */
  done(entry: QueueEntry): void
  /** Given back: to its old place. */
  putBack(entry: QueueEntry): void
  /** It will be retried later. */
  hold(entry: QueueEntry): void
  /** The retry's time has come. */
  resume(entry: QueueEntry): void
  /** Takes out all that wait, in order. */
  clear(): QueueEntry[]
}

/** Without an order: first come, first served; what is given back first; due retries and new events by turns. */
export class ReadyByArrival implements ReadyQueue {
  readonly #fresh = new SortedDeque<QueueEntry>()
  readonly #retries = new SortedDeque<QueueEntry>()
  #retryOrder = 0
  #retryTurn = false

  get size(): number {
    return this.#fresh.size + this.#retries.size
  }

  arrive(entry: QueueEntry): void {
    this.#fresh.insert(entry)
  }

  /** By turns, because either could starve the other: a backlog the retries, or a storm of retries the new events. */
  take(): QueueEntry | undefined {
    if (this.#retries.size === 0) return this.#fresh.shift()
    this.#retryTurn = !this.#retryTurn
    return (this.#retryTurn ? this.#retries.shift() : this.#fresh.shift()) ?? this.#retries.shift()
  }

  done(): void {}

  putBack(entry: QueueEntry): void {
    if (entry.retried) this.#retries.insert(entry)
    else this.#fresh.insert(entry)
  }

  hold(): void {}

  resume(entry: QueueEntry): void {
    entry.retried = true
    entry.order = this.#retryOrder++
    this.#retries.insert(entry)
  }

  clear(): QueueEntry[] {
    return [...this.#retries.clear(), ...this.#fresh.clear()]
  }
}
