import { BusError } from '@busbar/core/adapter'
import type { HeldState, RabbitDelivery } from '../delivery.ts'
import type { HeldStates } from './held-states.ts'

export interface PartitionOptions {
  readonly states: HeldStates
  /** Whether its channel is gone, and with it all that it holds. */
  readonly ended: () => boolean
  readonly deliver: (delivery: RabbitDelivery) => void
  /** Called when the records cannot be read; they are tried again once it resolves. */
  readonly onFailure: (error: unknown) => Promise<void>
}

interface Arrived {
  readonly delivery: RabbitDelivery
  /** Somebody had it before. */
  readonly again: boolean
}

/** One partition's deliveries: those that somebody had before wait until their records are read, and all others behind them. */
export class Partition {
  readonly #o: PartitionOptions
  #waiting: Arrived[] = []
  #working = false

  constructor(options: PartitionOptions) {
    this.#o = options
  }

  add(delivery: RabbitDelivery, again: boolean): void {
    if (!again && this.#waiting.length === 0) {
      this.#o.states.fresh()
      this.#o.deliver(delivery)
      return
    }
    this.#waiting.push({ delivery, again })
    if (this.#working) return
    this.#working = true
    // What came in one go is covered by one look.
    setImmediate(() => void this.#work())
  }

  /** Confirmed: whoever is handed the message next will know. @throws BusError */
  async record(delivery: RabbitDelivery, state: HeldState): Promise<void> {
    const posted = await this.#o.states.write(delivery.identity, state)
    if (posted.status === 'confirmed' && posted.routed) return
    throw new BusError('SETTLEMENT_FAILED', 'a retry of an ordered event could not be recorded', {
      retryable: true,
      cause:
        posted.status === 'failed' ? posted.error : posted.status === 'unknown' ? posted.cause : undefined,
    })
  }

  settled(delivery: RabbitDelivery): void {
    this.#o.states.settled(delivery.identity)
  }

  /** Before its channel is closed. */
  async close(): Promise<void> {
    await this.#o.states.weed()
  }

  /** With its channel. */
  end(): void {
    this.#waiting = []
    this.#o.states.end()
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#o.ended()) {
      // A record was confirmed before its message could come again, so it is there for what has come by now.
      const covered = this.#waiting.length
      if (this.#waiting.some(({ again }) => again) && !(await this.#load())) continue
      if (this.#o.ended()) break
      for (const arrived of this.#waiting.splice(0, covered)) this.#release(arrived)
    }
    this.#working = false
  }

  async #load(): Promise<boolean> {
    try {
      await this.#o.states.load()
      return true
    } catch (error) {
      await this.#o.onFailure(error)
      return false
    }
  }

  #release({ delivery, again }: Arrived): void {
    if (!again) this.#o.states.fresh()
    const state = again ? this.#o.states.claim(delivery.identity) : undefined
    this.#o.deliver(state === undefined ? delivery : delivery.again(state))
  }
}
