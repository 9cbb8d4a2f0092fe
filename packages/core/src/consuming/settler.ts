import type { Settlement, SettlementResult, Subscription } from '../adapter/subscription.ts'
import { BusError } from '../errors/bus-error.ts'
import type { Clock, Timer } from '../time/clock.ts'

const FIRST_WAIT = 100
const LONGEST_WAIT = 30_000
/** A failure that lasts is reported, one that passes is not. */
const REPORT_FROM = 3

/**
 * Hands settlements to the adapter: those of one turn together, and failed ones again with growing waits. A settlement is
 * never given up while the delivery is ours: the original stays where it was until its copy is written.
 */
export class Settler {
  readonly #clock: Clock
  readonly #subscription: Subscription
  readonly #onError: (error: BusError) => void
  readonly #failures = new Map<Settlement['delivery'], number>()
  readonly #timers = new Set<Timer>()
  #batch: Settlement[] = []
  #closed = false

  constructor(clock: Clock, subscription: Subscription, onError: (error: BusError) => void) {
    this.#clock = clock
    this.#subscription = subscription
    this.#onError = onError
  }

  add(settlement: Settlement): void {
    this.#batch.push(settlement)
    if (this.#batch.length === 1) queueMicrotask(this.#send)
  }

  /** Takes a result that was not `done`; whether the settlement is over (lost), or will be tried again. */
  failed(settlement: Settlement, result: SettlementResult & { status: 'failed' }): void {
    if (this.#closed) return
    const count = (this.#failures.get(settlement.delivery) ?? 0) + 1
    this.#failures.set(settlement.delivery, count)
    if (!result.retryable || count === REPORT_FROM) {
      this.#onError(
        new BusError(
          'SETTLEMENT_FAILED',
          `a delivery of "${settlement.delivery.topic}" could not be settled (${settlement.kind})`,
          {
            cause: result.error,
            retryable: result.retryable,
            remedy: 'it is kept and tried again; see the cause for what the broker refused',
          },
        ),
      )
    }
    // What the broker refused for good may still be mended by an operator (a permission, a full queue): keep it, ask rarely.
    const wait = result.retryable ? Math.min(FIRST_WAIT * 2 ** (count - 1), LONGEST_WAIT) : LONGEST_WAIT
    const timer = this.#clock.setTimer(
      wait,
      () => {
        this.#timers.delete(timer)
        this.add(settlement)
      },
      { keepAlive: true },
    )
    this.#timers.add(timer)
  }

  forget(delivery: Settlement['delivery']): void {
    if (this.#failures.size > 0) this.#failures.delete(delivery)
  }

  close(): void {
    this.#send()
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  #send = (): void => {
    if (this.#batch.length === 0 || this.#closed) return
    const batch = this.#batch
    this.#batch = []
    this.#subscription.settle(batch)
  }
}
