import { type Clock, systemClock, type Timer } from '../time/clock.ts'

/** How long a suspect may keep others from starting while it waits for running handlers to end. */
const PATIENCE = 30_000

interface Waiting {
  readonly run: (admitted: boolean) => void
  readonly timer: Timer
}

/**
 * Lets a suspect (an event that may kill its process) run with nobody beside it, so that no neighbour pays for it.
 * Handlers of one process share one gate: alone per queue still killed the handlers of other queues.
 * Responders stay outside: a request is never redelivered, so a crash costs it nothing, and a suspect may be
 * waiting for one.
 */
export class SuspectGate {
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  readonly #listeners = new Set<() => void>()
  #running = 0
  #alone = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether an ordinary handler may start now. */
  get open(): boolean {
    return !this.#alone && this.#waiting.length === 0
  }

  enter(): void {
    this.#running++
  }

  leave(): void {
    this.#running--
    if (this.#running === 0) this.#admitNext()
  }

  /**
   * Calls `run(true)` once nobody runs; the caller calls {@link leaveAlone} when done. Calls `run(false)` if handlers that
   * do not end kept it waiting for 30 seconds: then others go on, and the suspect tries again later.
   */
  enterAlone(run: (admitted: boolean) => void): void {
    const waiting: Waiting = {
      run,
      timer: this.#clock.setTimer(PATIENCE, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        run(false)
        this.#notify()
      }),
    }
    this.#waiting.push(waiting)
    if (this.#running === 0) this.#admitNext()
  }

  leaveAlone(): void {
    this.#alone = false
    this.#admitNext()
    this.#notify()
  }

  /** Takes a waiting suspect back, when its subscription stops. */
  withdraw(run: (admitted: boolean) => void): void {
    const index = this.#waiting.findIndex(w => w.run === run)
    if (index === -1) return
    this.#waiting[index]?.timer.cancel()
    this.#waiting.splice(index, 1)
    this.#notify()
  }

  /** Calls `listener` whenever the gate may have opened. */
  onOpen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #admitNext(): void {
    if (this.#alone) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    next.timer.cancel()
    this.#alone = true
    next.run(true)
  }

  #notify(): void {
    if (this.open) for (const listener of [...this.#listeners]) listener()
  }
}

const processGate = new SuspectGate(systemClock)

/**
 * The gate of the process. A bus on a clock of its own is taken for a process of its own, as tests and simulations
 * play several in one.
 */
export const gateFor = (clock: Clock): SuspectGate =>
  clock === systemClock ? processGate : new SuspectGate(clock)
