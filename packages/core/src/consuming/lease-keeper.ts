import type { Delivery, Subscription } from '../adapter/subscription.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { Held } from './held.ts'

/**
 * Renews the leases of deliveries that core still holds. Each is renewed when a third of its lease has passed, and looked
 * at every third: renewed at two thirds at the latest. One timer per subscription, and none while nothing is held.
 */
export class LeaseKeeper {
  readonly #clock: Clock
  readonly #lease: number
  readonly #held: ReadonlyMap<Delivery, Held>
  readonly #renew: Subscription['extend']
  readonly #onLost: (deliveries: readonly Delivery[]) => void
  readonly #onError: (error: unknown) => void
  #timer: Timer | undefined

  constructor(options: {
    clock: Clock
    lease: number
    held: ReadonlyMap<Delivery, Held>
    renew: Subscription['extend']
    onLost: (deliveries: readonly Delivery[]) => void
    onError: (error: unknown) => void
  }) {
    this.#clock = options.clock
    this.#lease = options.lease
    this.#held = options.held
    this.#renew = options.renew
    this.#onLost = options.onLost
    this.#onError = options.onError
  }

  /** To be called when something is held. */
  watch(): void {
    this.#timer ??= this.#clock.setTimer(this.#lease / 3, () => this.#look())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #look(): void {
    this.#timer = undefined
    if (this.#held.size === 0) return
    this.watch()
    const now = this.#clock.now()
    const due: Delivery[] = []
    for (const held of this.#held.values()) {
      // While a settlement is on its way there is nothing to renew, and on SQS renewing a deleted message is an error.
      if (held.state !== 'settling' && !held.lost && now - held.leasedAt >= this.#lease / 3)
        due.push(held.delivery)
    }
    if (due.length === 0) return
    this.#renew(due, this.#lease).then(
      lost => {
        const gone = new Set(lost)
        for (const delivery of due) {
          const held = this.#held.get(delivery)
          if (held !== undefined && !gone.has(delivery)) held.leasedAt = now
        }
        if (lost.length > 0) this.#onLost(lost)
      },
      error => this.#onError(error),
    )
  }
}
