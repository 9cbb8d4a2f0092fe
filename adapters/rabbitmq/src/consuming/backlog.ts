import type { RabbitDelivery } from './delivery.ts'

/**
 * What has arrived and may not be in core's hands yet: never more than the window is. The broker's prefetch alone cannot see to
 * that, because it cannot be lowered for a consumer that is there, and an old consumer's deliveries add to a new one's.
 */
export class Backlog {
  readonly #deliver: (batch: readonly RabbitDelivery[]) => void
  readonly #held = new Set<RabbitDelivery>()
  #waiting: RabbitDelivery[] = []
  readonly #shut = new Set<string>()
  #window = 0
  #scheduled = false

  constructor(deliver: (batch: readonly RabbitDelivery[]) => void) {
    this.#deliver = deliver
  }

  window(size: number): void {
    this.#window = size
    this.#schedule()
  }

  add(delivery: RabbitDelivery): void {
    if (this.#shut.has(delivery.lane)) return
    this.#waiting.push(delivery)
    this.#schedule()
  }

  /** One that never left our hands takes its place among those that wait. */
  back(delivery: RabbitDelivery): void {
    const { sequence, lane } = delivery
    if (this.#shut.has(lane)) return
    const at = sequence === undefined ? 0 : this.#waiting.findIndex(other => (other.sequence ?? 0) > sequence)
    if (at === -1) this.#waiting.push(delivery)
    else this.#waiting.splice(at, 0, delivery)
    this.#schedule()
  }

  settled(delivery: RabbitDelivery): void {
    if (this.#held.delete(delivery)) this.#schedule()
  }

  /** Takes out those that wait in excess of `count`. */
  beyond(count: number): readonly RabbitDelivery[] {
    return this.#waiting.length > count ? this.#waiting.splice(count) : []
  }

  /** These go back to the broker: what waits of them, and what of them comes until they are reopened, is not handed over. */
  shut(lanes: readonly string[]): void {
    for (const lane of lanes) this.#shut.add(lane)
    this.#waiting = this.#waiting.filter(({ lane }) => !this.#shut.has(lane))
  }

  reopen(lanes: readonly string[]): void {
    for (const lane of lanes) this.#shut.delete(lane)
  }

  clear(): void {
    this.#shut.clear()
    this.#held.clear()
    this.#waiting = []
  }

  /** In a turn of its own, so that what came together is handed over together. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#held.size >= this.#window) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      const room = this.#window - this.#held.size
      if (room <= 0 || this.#waiting.length === 0) return
      const batch = this.#waiting.splice(0, room)
      for (const delivery of batch) this.#held.add(delivery)
      this.#deliver(batch)
    })
  }
}
