import type { Delivery, Sink } from '@busbar/core/adapter'

/**
 * What core holds unsettled, within its window, and what was read beyond it and is held back: the server has no window, and what it
 * was asked for arrives even when core has shrunk its own meanwhile.
 */
export class Holding<T extends Delivery> {
  readonly #sink: Sink
  readonly #max: number
  readonly held = new Set<Delivery>()
  surplus: T[] = []
  size = 0
  /** Nothing more goes to core. */
  stopped = false

  constructor(sink: Sink, max: number) {
    this.#sink = sink
    this.#max = max
  }

  /** How much more may be read. */
  get free(): number {
    return this.stopped ? 0 : this.size - this.held.size - this.surplus.length
  }

  resize(size: number): void {
    this.size = Math.max(0, Math.min(size, this.#max))
    this.pass()
  }

  add(deliveries: readonly T[]): void {
    for (const delivery of deliveries) this.surplus.push(delivery)
    this.pass()
  }

  /** Hands over what fits. */
  pass(): void {
    const room = this.size - this.held.size
    if (this.stopped || room <= 0 || this.surplus.length === 0) return
    const batch = this.surplus.splice(0, room)
    for (const delivery of batch) this.held.add(delivery)
    this.#sink.deliver(batch)
  }

  /** What was held back, which now is the caller's. */
  takeSurplus(): T[] {
    return this.surplus.splice(0)
  }
}
