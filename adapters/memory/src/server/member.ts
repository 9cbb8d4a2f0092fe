import { Fifo } from '../structures/fifo.ts'
import type { MemoryDelivery } from './memory-delivery.ts'
import type { KeyLane } from './ready-by-key.ts'

/** The consumer's end of a member. Called synchronously by the broker; never throws. */
export interface MemberPort {
  deliver(batch: readonly MemoryDelivery[]): void
  /** Their leases are over. */
  lost(deliveries: readonly MemoryDelivery[]): void
}

/** One consumer of a queue: its window and what it has unsettled. */
export class Member {
  readonly port: MemberPort
  /** Milliseconds. */
  readonly lease: number
  window = 0
  readonly inFlight: MemoryDelivery[] = []
  /** Keys whose next event only this member may have. */
  lanes = new Fifo<KeyLane>()
  /** Taken for it in the dispatch that is going on. */
  batch: MemoryDelivery[] = []

  constructor(port: MemberPort, lease: number) {
    this.port = port
    this.lease = lease
  }

  get free(): number {
    return this.window - this.inFlight.length
  }

  add(delivery: MemoryDelivery): void {
    delivery.index = this.inFlight.length
    this.inFlight.push(delivery)
  }

  /** Whether the delivery is among those that this member has unsettled. */
  has(delivery: MemoryDelivery): boolean {
    return this.inFlight[delivery.index] === delivery
  }

  remove(delivery: MemoryDelivery): void {
    delivery.holding = 'over'
    const last = this.inFlight.pop()
    if (last === undefined || last === delivery) return
    last.index = delivery.index
    this.inFlight[last.index] = last
  }
}
