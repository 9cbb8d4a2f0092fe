import type { Clock, Timer } from '@busbar/core/time'

/** Notices a connection on which an answer is due and none comes: TCP alone would take minutes to say so. */
export class Watchdog {
  readonly #clock: Clock
  readonly #timeout: number
  readonly #silent: () => void
  #pending = 0
  /** The last sign of life, or when the first call was made. */
  #progress = 0
  #patience = 0
  #timer: Timer | undefined

  /** @param timeout milliseconds of silence. */
  constructor(clock: Clock, timeout: number, silent: () => void) {
    this.#clock = clock
    this.#timeout = timeout
    this.#silent = silent
  }

  /** @param patience milliseconds that the server may take on purpose: it blocks. */
  sent(patience: number): void {
    if (this.#pending++ === 0) {
      this.#progress = this.#clock.now()
      this.#patience = patience
    } else if (patience > this.#patience) this.#patience = patience
    this.#timer ??= this.#clock.setTimer(this.#timeout + patience, this.#look)
  }

  readonly answered = (): void => {
    this.#progress = this.#clock.now()
    if (this.#pending > 0) this.#pending--
  }

  /** The connection is gone, and with it all that was due. */
  reset(): void {
    this.#pending = 0
    this.#timer?.cancel()
    this.#timer = undefined
  }

  // Left to run out rather than cancelled by each answer: a timer for every publish costs more than a look now and then.
  readonly #look = (): void => {
    this.#timer = undefined
    if (this.#pending === 0) return
    const left = this.#progress + this.#timeout + this.#patience - this.#clock.now()
    if (left <= 0) this.#silent()
    else this.#timer = this.#clock.setTimer(left, this.#look)
  }
}
