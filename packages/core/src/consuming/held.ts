import type { Delivery } from '../adapter/subscription.ts'
import { BusError } from '../errors/bus-error.ts'

export type HeldState =
  /** Queued in core, its handler not started. */
  | 'waiting'
  | 'running'
  /** Its settlement is with the adapter. */
  | 'settling'
  /** Not settled on purpose: it stays with the broker, and comes back when the subscription closes. */
  | 'left'
  /** Settled, or no longer ours. */
  | 'gone'

/** One delivery in core's hands, from `deliver` until its settlement is taken over. */
export class Held {
  readonly delivery: Delivery
  state: HeldState = 'waiting'
  /** Milliseconds since the epoch at which the adapter's lease was last known to begin. */
  leasedAt: number
  startedAt = 0
  /** Attempts that failed in this process without leaving it (broadcast subscriptions retry in memory). */
  localFailures = 0
  /** On its way back to the broker: those of its key that arrive meanwhile must not pass it, and go back when it has. */
  comesBack = false
  /** Handled alone, its start recorded: see `SuspectGate`. */
  suspect = false
  /** Settled before its handler ran: a request, which nobody may handle twice. */
  settledFirst = false
  /** Called when it is taken out of its queue, by the one that queued it elsewhere. */
  onWithdrawn: (() => void) | undefined
  /** Called when it is settled or lost, for those who wait for it. */
  onGone: (() => void) | undefined
  /** Whether the adapter still recognises us as the owner. */
  lost = false
  #controller: AbortController | undefined
  #abortReason: unknown

  constructor(delivery: Delivery, now: number) {
    this.delivery = delivery
    this.leasedAt = now
  }

  /** Which handler start this is or will be, from 1. */
  get attempt(): number {
    return this.delivery.failures + this.localFailures + 1
  }

  get aborted(): boolean {
    return this.#abortReason !== undefined
  }

  /** Made when first asked for: an AbortController costs more than the rest of a delivery, and few handlers look. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    }
    return this.#controller.signal
  }

  abort(reason: BusError): void {
    if (this.#abortReason !== undefined) return
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }
}

export const leaseLost = () =>
  new BusError('LEASE_LOST', 'the delivery is no longer ours: its lease ended or the connection was lost', {
    remedy: 'stop working on it; the event will be handled again',
  })

export const stopped = () =>
  new BusError('ABORTED', 'the subscription is stopping', {
    remedy: 'stop working on it; the event goes back to its group uncounted',
  })
