import type { Clock, Timer } from '@busbar/core/time'
import type { NatsDelivery } from './nats-delivery.ts'

export interface InHandOptions {
  readonly clock: Clock
  /** Milliseconds without a sign of life after which the server gives a delivery to others. */
  readonly ackWait: number
  /** Gives that sign; false while there is no link. */
  readonly extend: (delivery: NatsDelivery) => boolean
  readonly onLost: (deliveries: readonly NatsDelivery[]) => void
}

/** The server's patience as we count on it: we must know that a delivery is gone before another member has it. */
export const aliveFor = (ackWait: number): number => ackWait * 0.9

/** The deliveries that core has. The server hears of them as long as core renews their leases, however long that is. */
export class InHand {
  readonly #o: InHandOptions
  readonly #held = new Set<NatsDelivery>()
  #pulse: Timer | undefined

  constructor(options: InHandOptions) {
    this.#o = options
  }

  get size(): number {
    return this.#held.size
  }

  [Symbol.iterator](): Iterator<NatsDelivery> {
    return this.#held.values()
  }

  add(deliveries: readonly NatsDelivery[]): void {
    for (const delivery of deliveries) this.#held.add(delivery)
    this.#beat()
  }

  delete(delivery: NatsDelivery): void {
    this.#held.delete(delivery)
  }

  clear(): void {
    this.#held.clear()
    this.#pulse?.cancel()
  }

  /** Whether it is still ours: neither core's lease nor the server's patience is over. */
  has(delivery: NatsDelivery, now = this.#o.clock.now()): boolean {
    return this.#held.has(delivery) && delivery.leaseUntil > now && delivery.aliveUntil > now
  }

  #beat(): void {
    this.#pulse ??= this.#o.clock.setTimer(this.#o.ackWait / 12, () => {
      this.#pulse = undefined
      const { ackWait, clock, extend, onLost } = this.#o
      const now = clock.now()
      const lost: NatsDelivery[] = []
      for (const delivery of this.#held) {
        if (!this.has(delivery, now)) lost.push(delivery)
        else if (delivery.aliveUntil - now < ackWait * 0.6 && extend(delivery))
          delivery.aliveUntil = now + aliveFor(ackWait)
      }
      for (const delivery of lost) this.#held.delete(delivery)
      if (this.#held.size > 0) this.#beat()
      if (lost.length > 0) onLost(lost)
    })
  }
}
