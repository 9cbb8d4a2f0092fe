/** A pending timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void
}

/** Where all of Busbar gets its time from, so that tests run in virtual time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /**
   * Calls `run` once, `delay` milliseconds from now, never earlier.
   * @param options.keepAlive whether the timer may keep the process alive. Default false.
   */
  setTimer(delay: number, run: () => void, options?: { keepAlive?: boolean }): Timer
}

/** setTimeout's longest delay; beyond it Node fires at once, so longer timers are made of several. */
const LONGEST = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delay, run, options = {}) {
    // Monotonic: a wall clock that is set back must not hold up leases and retries.
    const due = performance.now() + delay
    let handle: ReturnType<typeof setTimeout>
    const arm = (wait: number) => {
      handle = setTimeout(
        () => {
          // setTimeout may fire up to a millisecond early, and a delay is never early.
          const left = due - performance.now()
          if (left > 0) arm(Math.ceil(left))
          else run()
        },
        Math.min(Math.max(wait, 0), LONGEST),
      )
      if (options.keepAlive !== true) handle.unref()
    }
    arm(delay)
    return { cancel: () => clearTimeout(handle) }
  },
}
