import type { Clock, Timer } from './clock.ts'

interface Pending extends Timer {
  readonly due: number
  readonly order: number
  readonly run: () => void
}

/** One turn of the event loop: every promise that can settle without a timer has settled when it resolves. */
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/**
 * A clock that moves only when told to. Between timers it lets the event loop settle, so that work started by
 * one timer is done (or waits for the next timer) before time moves on.
 */
export class VirtualClock implements Clock {
  #now: number
  #order = 0
  readonly #pending = new Set<Pending>()

  /** @param start milliseconds since the epoch; default 2026-01-01T00:00:00Z. */
  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  setTimer(delay: number, run: () => void): Timer {
    const timer: Pending = {
      due: this.#now + Math.max(0, delay),
      order: this.#order++,
      run,
      cancel: () => void this.#pending.delete(timer),
    }
    this.#pending.add(timer)
    return timer
  }

  /** How many timers wait. A closed bus leaves none. */
  get pending(): number {
    return this.#pending.size
  }

  /** When the next timer is due, in milliseconds since the epoch. */
  get nextDue(): number | undefined {
    return this.#next()?.due
  }

  /** Moves time by `ms`, firing every timer on the way at its own time, in order. */
  async advance(ms: number): Promise<void> {
    await this.advanceTo(this.#now + ms)
  }

  /** Moves time to `time` (milliseconds since the epoch); never backwards. */
  async advanceTo(time: number): Promise<void> {
    await this.settle()
    for (let next = this.#next(); next !== undefined && next.due <= time; next = this.#next()) {
      this.#now = Math.max(this.#now, next.due)
      this.#pending.delete(next)
      next.run()
      await this.settle()
    }
    this.#now = Math.max(this.#now, time)
  }

  /**
   * Moves time from timer to timer until `done` holds.
   * @throws Error when `limit` milliseconds of virtual time have passed, or no timer is left, and it still does not.
   */
  async advanceUntil(done: () => boolean, limit = 24 * 3_600_000): Promise<void> {
    const end = this.#now + limit
    await this.settle()
    while (!done()) {
      const next = this.#next()
      if (next === undefined)
        throw new Error('virtual clock: nothing left to wait for, and the condition does not hold')
      if (next.due > end) throw new Error(`virtual clock: the condition does not hold after ${limit} ms`)
      await this.advanceTo(next.due)
    }
  }

  /** Lets everything run that can run without time passing. */
  async settle(): Promise<void> {
    // Two turns: an immediate queued by the first (as by stream or socket callbacks) runs in the second.
    await turn()
    await turn()
  }

  #next(): Pending | undefined {
    let best: Pending | undefined
    for (const timer of this.#pending) {
      if (best === undefined || timer.due < best.due || (timer.due === best.due && timer.order < best.order))
        best = timer
    }
    return best
  }
}
