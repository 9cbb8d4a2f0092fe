/**
 * Ids of recent publishes. Two generations instead of a time for each id: an id is remembered for at least `window`
 * and at most twice that, and forgetting costs nothing per message.
 */
export class DedupeWindow {
  readonly #window: number
  readonly #half: number
  #current = new Map<string, number>()
  #previous = new Map<string, number>()
  #since = Number.NEGATIVE_INFINITY

  /** @param window milliseconds; 0 remembers nothing. @param count the most ids held; beyond it the oldest half goes early. */
  constructor(window: number, count: number) {
    this.#window = window
    this.#half = Math.max(1, count >> 1)
  }

  /** The sequence number of the publish that had this id, if one had. */
  find(id: string, now: number): number | undefined {
    if (this.#window === 0) return undefined
    this.#rotate(now)
    return this.#current.get(id) ?? this.#previous.get(id)
  }

  remember(id: string, sequence: number, now: number): void {
    if (this.#window === 0) return
    this.#rotate(now)
    this.#current.set(id, sequence)
  }

  #rotate(now: number): void {
    const age = now - this.#since
    if (age < this.#window && this.#current.size < this.#half) return
    this.#previous = age >= 2 * this.#window ? new Map() : this.#current
    this.#current = new Map()
    this.#since = now
  }
}
