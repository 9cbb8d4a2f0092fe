import type { Clock, Timer } from '@busbar/core/time'

/**
 * Places of the window that are taken by what we do not have: lost deliveries that the server still counts as ours. More
 * asked for in their stead would be more in flight than the window, until the server gives them out again.
 */
export class Missing {
  readonly #clock: Clock
  readonly #over: () => void
  #places: { readonly count: number; readonly until: number }[] = []
  #timer: Timer | undefined

  /** @param over called when there are fewer. */
  constructor(clock: Clock, over: () => void) {
    this.#clock = clock
    this.#over = over
  }

  get count(): number {
    let count = 0
    for (const place of this.#places) count += place.count
    return count
  }

  /** @param until milliseconds since the epoch: by then the server's patience is over. */
  add(count: number, until: number): void {
    if (count <= 0 || until <= this.#clock.now()) return
    this.#places.push({ count, until })
    this.#watch()
  }

  clear(): void {
    this.#places = []
    this.#timer?.cancel()
  }

  #watch(): void {
    this.#timer?.cancel()
    const next = Math.min(...this.#places.map(({ until }) => until))
    this.#timer = this.#clock.setTimer(Math.max(1, next - this.#clock.now()), () => {
      const now = this.#clock.now()
      this.#places = this.#places.filter(({ until }) => until > now)
      if (this.#places.length > 0) this.#watch()
      this.#over()
    })
  }
}
