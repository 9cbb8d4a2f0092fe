import { type Clock, systemClock } from '@busbar/core/time'

/** Longer than any process is meant to run without anything happening. */
const RARELY = 2 ** 31 - 1

/**
 * Keeps the process alive while somebody is connected, as the socket to any other broker does: a service that only waits
 * for events must not end because its broker happens to be embedded. Another clock is no reason to keep a process.
 */
export class Presence {
  #handle: ReturnType<typeof setInterval> | undefined

  hold(clock: Clock): void {
    if (clock === systemClock) this.#handle ??= setInterval(() => {}, RARELY)
  }

  release(): void {
    clearInterval(this.#handle)
    this.#handle = undefined
  }
}
