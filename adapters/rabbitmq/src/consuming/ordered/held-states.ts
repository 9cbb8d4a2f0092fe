import { BusError } from '@busbar/core/adapter'
import type { Clock, Timer } from '@busbar/core/time'
import type { Posted } from '../../publishing/publisher.ts'
import type { HeldState } from '../delivery.ts'
import type { HeldRecord } from './record.ts'
import type { RecordQueue } from './record-queue.ts'

export interface HeldStatesOptions {
  readonly queue: RecordQueue
  readonly clock: Clock
  readonly newId: () => string
  readonly onError: (error: unknown) => void
}

/** Milliseconds: what is settled shortly after one another is weeded out together. */
const WEED_AFTER = 500
/** Milliseconds: records that could not be removed are tried again. */
const WEED_AGAIN = 5_000
/** Dead records are kept up to so many beyond twice the live ones: removing them means writing the live ones again. */
const DEAD_ALLOWED = 64

/**
 * The failures, marks and backoffs of one partition's unsettled messages. A message stays unacked at its place while it waits, which
 * holds its key; its record is confirmed before the wait begins, and read by the next member that is handed the message. A record
 * goes after its message: what is left over of a crash between the two is known as stale once a message comes that nobody had.
 */
export class HeldStates {
  readonly #o: HeldStatesOptions
  /** The record that holds, by message. */
  readonly #live = new Map<string, HeldRecord>()
  /** Read, and its message has not come yet. */
  readonly #unclaimed = new Set<string>()
  /** Ids of records on the broker that nobody needs. */
  readonly #dead = new Set<string>()
  #timer: Timer | undefined
  #weeding: Promise<void> | undefined
  #ended = false

  constructor(options: HeldStatesOptions) {
    this.#o = options
  }

  /** Reads what former members left. @throws BusError */
  async load(): Promise<void> {
    for (const record of await this.#o.queue.read()) {
      const { id, message, revision } = record
      const known = this.#live.get(message)
      if (known?.id === id || this.#dead.has(id)) continue
      if (known !== undefined && known.revision > revision) {
        this.#dead.add(id)
        continue
      }
      this.#put(record)
      if (known === undefined) this.#unclaimed.add(message)
    }
  }

  /** What is recorded of a message that was handed out before. */
  claim(message: string): HeldState | undefined {
    this.#unclaimed.delete(message)
    return this.#live.get(message)?.state
  }

  /** A message came that nobody had before: the queue gives those out first that somebody had, so no more of them will come. */
  fresh(): void {
    for (const message of this.#unclaimed) this.settled(message)
    this.#unclaimed.clear()
  }

  /** Confirmed before anything relies on it. */
  async write(message: string, state: HeldState): Promise<Posted> {
    const revision = (this.#live.get(message)?.revision ?? 0) + 1
    const record = { id: this.#o.newId(), message, revision, state }
    const [posted] = await this.#o.queue.write([record])
    if (posted?.status === 'confirmed' && posted.routed) this.#put(record)
    // It may be there, and must not be taken for a later one's.
    else if (posted?.status === 'unknown') this.#dead.add(record.id)
    return posted as Posted
  }

  /** The message is acked. */
  settled(message: string): void {
    const record = this.#live.get(message)
    if (record === undefined) return
    this.#live.delete(message)
    this.#dead.add(record.id)
    this.#weedAfter(WEED_AFTER)
  }

  /** Removes dead records now. Never rejects. */
  weed(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#dead.size === 0) return Promise.resolve()
    this.#weeding ??= this.#weed()
      .then(
        () => WEED_AFTER,
        error => {
          this.#o.onError(error)
          return WEED_AGAIN
        },
      )
      .then(wait => {
        this.#weeding = undefined
        // What was settled meanwhile, or could not be removed.
        this.#weedAfter(wait)
      })
    return this.#weeding
  }

  end(): void {
    this.#ended = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #weedAfter(wait: number): void {
    // The end of a weeding looks again.
    if (this.#ended || this.#weeding !== undefined || this.#dead.size === 0) return
    if (this.#live.size > 0 && this.#dead.size <= DEAD_ALLOWED + 2 * this.#live.size) return
    this.#timer ??= this.#o.clock.setTimer(wait, () => {
      this.#timer = undefined
      void this.weed()
    })
  }

  async #weed(): Promise<void> {
    const dead = new Set(this.#dead)
    await this.#moveBehind(dead)
    const removed = await this.#o.queue.remove(dead)
    for (const id of removed) this.#dead.delete(id)
    // The rest is not there any more, or was never written.
    for (const id of dead) this.#dead.delete(id)
  }

  /** What is needed is written again behind what is not, so that none of it is in our hands if this process ends meanwhile. */
  async #moveBehind(dead: Set<string>): Promise<void> {
    const before = [...this.#live.values()]
    if (before.length === 0) return
    const moved = before.map(record => ({ ...record, id: this.#o.newId() }))
    const posted = await this.#o.queue.write(moved)
    if (posted.some(each => each.status !== 'confirmed' || !each.routed)) {
      for (const { id } of moved) this.#dead.add(id)
      throw new BusError('SETTLEMENT_FAILED', `records in ${this.#o.queue.name} could not be moved`, {
        retryable: true,
        cause: posted.find(each => each.status !== 'confirmed'),
      })
    }
    for (const [n, record] of moved.entries()) {
      const old = before[n] as HeldRecord
      if (this.#live.get(record.message) === old) {
        this.#live.set(record.message, record)
        dead.add(old.id)
      } else this.#dead.add(record.id)
    }
  }

  #put(record: HeldRecord): void {
    const before = this.#live.get(record.message)
    if (before !== undefined) this.#dead.add(before.id)
    this.#live.set(record.message, record)
  }
}
