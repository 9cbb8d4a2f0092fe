/** How many retries all events of one subscription may make together. */
export interface RetryBudgetOptions {
  /** Retries earned by each handled event. Default 0.2: one retry for five events. */
  readonly ratio?: number
  /** Retries a second that leave even when the budget is spent. Default 10. */
  readonly minPerSecond?: number
  /** Retries that can be saved up, and are there at the start. Default 100. */
  readonly burst?: number
}

export const DEFAULT_BUDGET: Required<RetryBudgetOptions> = { ratio: 0.2, minPerSecond: 10, burst: 100 }

/**
 * Keeps retries from burying a downstream that already struggles: while most events fail, retries would multiply
 * the load on it. A retry over budget is never given up; it is put off, so that such retries leave one after
 * another at `minPerSecond`.
 */
export class RetryBudget {
  readonly #ratio: number
  readonly #burst: number
  readonly #interval: number
  #tokens: number
  #nextSlot = 0

  constructor(options: RetryBudgetOptions = {}) {
    this.#ratio = options.ratio ?? DEFAULT_BUDGET.ratio
    this.#burst = options.burst ?? DEFAULT_BUDGET.burst
    this.#interval = 1000 / (options.minPerSecond ?? DEFAULT_BUDGET.minPerSecond)
    this.#tokens = this.#burst
  }

  /** An event was handled successfully: earns `ratio` retries. */
  earn(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#ratio)
  }

  /**
   * Takes one retry from the budget.
   * @param now milliseconds since the epoch.
   * @returns the least delay of this retry in milliseconds: 0 while there is budget.
   */
  spend(now: number): number {
    if (this.#tokens >= 1) {
      this.#tokens -= 1
      return 0
    }
    const slot = Math.max(now, this.#nextSlot)
    this.#nextSlot = slot + this.#interval
    return Math.ceil(slot - now)
  }

  /** Retries that may leave now, fractions included. */
  get available(): number {
    return this.#tokens
  }
}
