/** Finer steps would forget more evenly, and cost more to add up. */
const BUCKETS = 10

/** Successes and failures of the last `window` milliseconds, to a tenth of it. */
export class OutcomeWindow {
  readonly #width: number
  readonly #total = new Uint32Array(BUCKETS)
  readonly #failed = new Uint32Array(BUCKETS)
  /** The number of the newest bucket since the epoch. */
  #newest = 0

  constructor(window: number) {
    this.#width = window / BUCKETS
  }

  add(ok: boolean, now: number): void {
    const slot = this.#turnTo(now) % BUCKETS
    this.#total[slot] = (this.#total[slot] ?? 0) + 1
    if (!ok) this.#failed[slot] = (this.#failed[slot] ?? 0) + 1
  }

  counts(now: number): { readonly total: number; readonly failed: number } {
    this.#turnTo(now)
    return { total: sum(this.#total), failed: sum(this.#failed) }
  }

  clear(): void {
    this.#total.fill(0)
    this.#failed.fill(0)
  }

  /** Empties the buckets that have passed since the last call. A clock that went back adds to the newest one. */
  #turnTo(now: number): number {
    const current = Math.max(this.#newest, Math.floor(now / this.#width))
    const passed = Math.min(current - this.#newest, BUCKETS)
    for (let i = 0; i < passed; i++) {
      const slot = (current - i) % BUCKETS
      this.#total[slot] = 0
      this.#failed[slot] = 0
    }
    this.#newest = current
    return current
  }
}

function sum(counts: Uint32Array): number {
  let all = 0
  for (const count of counts) all += count
  return all
}
