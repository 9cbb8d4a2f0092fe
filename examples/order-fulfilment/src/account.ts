import { type Identity, identityOf } from './identity.ts'

/** What one group should handle, and what it has handled. */
export class Account {
  /** Publish to handled, in milliseconds, of events handled at their first attempt. */
  readonly latencies: number[] = []
  /** Deliveries of an event that was already handled; the handler skipped them. */
  repeats = 0
  /** By identity, when the publish began, in milliseconds of `performance.now()`. */
  readonly #open = new Map<string, number>()
  readonly #handled = new Set<string>()
  readonly #dead = new Set<string>()
  readonly #everDead = new Set<string>()

  /** Events this group must get. */
  get expected(): number {
    return this.#open.size + this.#handled.size
  }

  get handled(): number {
    return this.#handled.size
  }

  /** Neither handled nor known to be in the dead-letter queue. */
  get missing(): number {
    return this.#open.size - this.#dead.size
  }

  /** In the dead-letter queue at the last look. */
  get dead(): number {
    return this.#dead.size
  }

  /** Called before the publish, so that no handler can be faster. */
  expect(event: Identity): void {
    const id = identityOf(event)
    if (!this.#open.has(id) && !this.#handled.has(id)) this.#open.set(id, performance.now())
  }

  /** Its publish was refused: nobody will get it. */
  withdraw(event: Identity): void {
    this.#open.delete(identityOf(event))
  }

  /** Whether it was handled before; then at-least-once delivery has brought it again, and its effects must not recur. */
  isRepeat(event: Identity): boolean {
    const repeat = this.#handled.has(identityOf(event))
    if (repeat) this.repeats++
    return repeat
  }

  /** Enters an event as handled. False if a handler elsewhere was faster: then the effects are its own. */
  handle(event: Identity, attempt: number): boolean {
    const id = identityOf(event)
    if (this.isRepeat(event)) return false
    const since = this.#open.get(id)
    this.#handled.add(id)
    this.#open.delete(id)
    this.#dead.delete(id)
    if (since !== undefined && attempt === 1 && !this.#everDead.has(id)) {
      this.latencies.push(performance.now() - since)
    }
    return true
  }

  /** Enters what the group's dead-letter queue holds now. */
  bury(events: readonly Identity[]): void {
    this.#dead.clear()
    for (const event of events) {
      const id = identityOf(event)
      this.#everDead.add(id)
      if (this.#open.has(id)) this.#dead.add(id)
    }
  }

  wasDead(event: Identity): boolean {
    return this.#everDead.has(identityOf(event))
  }
}
