import type { Clock, Timer } from '@busbar/core/time'
import type { Link } from '../connection/link.ts'
import { PUMP } from '../scripts/publish.ts'

/** A delay and the stream that it leads to. */
export interface Delay {
  readonly delayed: string
  readonly delayedBodies: string
  readonly stream: string
}

interface Pump {
  readonly delay: Delay
  due: number
  timer: Timer | undefined
  running: boolean
}

/** How long a member may overlook a delay that another process began, should that process have died. */
const LOOK = 1_000
const AT_ONCE = 500
/** What is due in between is moved a little later rather than with a call of its own. */
const GRAIN = 5

/** Moves delayed entries on when they are due: for each delay that this process has to do with. */
export class Pumps {
  readonly #link: Link
  readonly #clock: Clock
  readonly #pumps = new Map<string, Pump>()
  #closed = false

  constructor(link: Link, clock: Clock) {
    this.#link = link
    this.#clock = clock
  }

  /** Looks after a delay from now on; `due`, if something is known to be due then. */
  watch(delay: Delay, due?: number): void {
    if (this.#closed) return
    let pump = this.#pumps.get(delay.delayed)
    if (pump === undefined) {
      pump = { delay, due: Number.POSITIVE_INFINITY, timer: undefined, running: false }
      this.#pumps.set(delay.delayed, pump)
    }
    this.#arm(pump, Math.min(due ?? Number.POSITIVE_INFINITY, this.#clock.now() + LOOK))
  }

  close(): void {
    this.#closed = true
    for (const { timer } of this.#pumps.values()) timer?.cancel()
    this.#pumps.clear()
  }

  #arm(pump: Pump, due: number): void {
    if (this.#closed || (pump.timer !== undefined && pump.due <= due)) return
    pump.timer?.cancel()
    pump.due = due
    pump.timer = this.#clock.setTimer(Math.max(GRAIN, due - this.#clock.now()), () => {
      pump.timer = undefined
      void this.#run(pump)
    })
  }

  async #run(pump: Pump): Promise<void> {
    if (pump.running) return this.#arm(pump, this.#clock.now() + GRAIN)
    pump.running = true
    let wait = LOOK
    try {
      const { delayed, delayedBodies, stream } = pump.delay
      const answer = (await this.#link.run(PUMP, [delayed, delayedBodies, stream], [AT_ONCE])) as unknown[]
      const [moved, next, now] = answer.map(String)
      if (Number(moved) === AT_ONCE) wait = 0
      else if (next !== '') wait = Math.min(LOOK, Math.max(0, Number(next) - Number(now)))
    } catch {
      // Without a connection nothing can be moved; the next look finds what is due.
    } finally {
      pump.running = false
    }
    this.#arm(pump, this.#clock.now() + wait)
  }
}
