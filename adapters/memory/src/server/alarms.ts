import type { Clock, Timer } from '@busbar/core/time'
import { BinaryHeap } from '../structures/binary-heap.ts'

/** Something with work at a later time. `alarmAt` belongs to {@link Alarms}. */
export interface Sleeper {
  alarmAt: number
  wake(now: number): void
}

/** Everything on the broker that waits for a time, on one timer. */
export class Alarms {
  readonly #heap = new BinaryHeap<{ due: number; sleeper: Sleeper }>((a, b) => a.due < b.due)
  #clock: Clock
  #timer: Timer | undefined
  #timerDue = Number.POSITIVE_INFINITY
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Starts with the first connection, on its clock. What fell due meanwhile runs at once. */
  start(clock: Clock): void {
    this.#clock = clock
    this.#running = true
    this.#arm()
  }

  /** Stops with the last connection: without one nobody could see a difference, and no timer may be left. */
  stop(): void {
    this.#running = false
    this.#cancel()
  }

  /** Wakes `sleeper` at `due` at the latest; only its earliest alarm is kept. */
  set(sleeper: Sleeper, due: number): void {
    if (due >= sleeper.alarmAt) return
    sleeper.alarmAt = due
    this.#heap.push({ due, sleeper })
    if (this.#running && due < this.#timerDue) this.#arm()
  }

  #arm(): void {
    this.#cancel()
    const next = this.#heap.peek()
    if (next === undefined) return
    this.#timerDue = next.due
    this.#timer = this.#clock.setTimer(Math.max(0, next.due - this.#clock.now()), () => this.#fire())
  }

  #cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerDue = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    const now = this.#clock.now()
    // Nothing is armed while sleepers run: they set new alarms, and one timer is armed for all in the end.
    this.#timerDue = Number.NEGATIVE_INFINITY
    for (let next = this.#heap.peek(); next !== undefined && next.due <= now; next = this.#heap.peek()) {
      this.#heap.pop()
      if (next.sleeper.alarmAt !== next.due) continue
      next.sleeper.alarmAt = Number.POSITIVE_INFINITY
      next.sleeper.wake(now)
    }
    if (this.#running) this.#arm()
  }
}
