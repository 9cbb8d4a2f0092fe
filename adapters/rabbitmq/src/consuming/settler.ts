import type { Delivery, Settlement, SettlementResult } from '@busbar/core/adapter'
import type { TopologyKeeper } from '../topology/topology.ts'
import type { Attachment } from './attachment.ts'
import type { HeldState, RabbitDelivery } from './delivery.ts'
import { DONE, failuresAfter, LOST, type SettlingOptions, settleByCopy } from './settling.ts'
import type { Suspects } from './suspects.ts'

export interface SettlerOptions {
  readonly topology: TopologyKeeper
  readonly settling: SettlingOptions
  readonly suspects: Suspects
  /** What is given back stays in this process's hands. */
  readonly stays: boolean
  readonly attachment: () => Attachment | undefined
  /** Takes back one that stays. */
  readonly back: (delivery: RabbitDelivery) => void
  readonly settled: (settlement: Settlement, result: SettlementResult) => void
}

/** Settles one subscription's deliveries: by an ack, by a copy, or by keeping them. */
export class Settler {
  readonly #o: SettlerOptions
  /** Ordered suspects: their place is kept, so their marks are recorded beside them. */
  readonly #marked = new WeakSet<RabbitDelivery>()
  #pending = 0

  constructor(options: SettlerOptions) {
    this.#o = options
  }

  /** Settlements that wait for the broker, acks apart. */
  get pending(): number {
    return this.#pending
  }

  settle(settlement: Settlement): void {
    const delivery = settlement.delivery as RabbitDelivery
    const { acks, tag } = delivery
    if (acks.ended) {
      queueMicrotask(() => this.#report(settlement, LOST))
      return
    }
    if (settlement.kind === 'ack') {
      acks.add(tag, () => this.#report(settlement, DONE))
      return
    }
    if (this.#o.stays && settlement.kind !== 'dead') this.#keep(settlement, delivery)
    else this.copy(settlement, result => this.#report(settlement, result))
  }

  /** Calls `report` once. */
  copy(settlement: Exclude<Settlement, { kind: 'ack' }>, report: (result: SettlementResult) => void): void {
    this.#pending++
    void settleByCopy(settlement, (settlement.delivery as RabbitDelivery).lane, this.#o.settling, result => {
      this.#pending--
      report(result)
    })
  }

  /** Gives back one that never left the adapter's hands. */
  giveBack(delivery: RabbitDelivery): void {
    this.copy({ kind: 'release', delivery }, result => {
      if (result.status === 'failed') this.#o.back(delivery)
    })
  }

  async mark(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries as readonly RabbitDelivery[]) {
      const partition = delivery.acks.ended ? undefined : this.#o.attachment()?.partitionOf(delivery)
      if (partition === undefined) await this.#o.suspects.mark([delivery])
      else {
        const state = stateOf(delivery)
        await partition.record(delivery, { ...state, marks: state.marks + 1 })
        this.#marked.add(delivery)
      }
    }
  }

  /** It stays in our hands, at its place; what has to outlive them is recorded first. */
  #keep(settlement: Exclude<Settlement, { kind: 'ack' | 'dead' }>, delivery: RabbitDelivery): void {
    const state = settlement.kind === 'release' ? stateOf(delivery) : stateAfter(settlement)
    const partition = this.#o.attachment()?.partitionOf(delivery)
    const needed = settlement.kind === 'retry' || this.#marked.has(delivery)
    this.#pending++
    Promise.resolve(needed ? partition?.record(delivery, state) : undefined).then(
      () => {
        this.#pending--
        if (delivery.acks.ended) return this.#report(settlement, LOST)
        this.#report(settlement, DONE)
        this.#o.back(delivery.again(state))
      },
      error => {
        this.#pending--
        if (delivery.acks.ended) return this.#report(settlement, LOST)
        this.#o.topology.restore().catch(() => {})
        this.#report(settlement, { status: 'failed', error, retryable: true, copy: 'none' })
      },
    )
  }

  #report(settlement: Settlement, result: SettlementResult): void {
    const delivery = settlement.delivery as RabbitDelivery
    if (result.status === 'done' && (settlement.kind === 'ack' || settlement.kind === 'dead'))
      this.#o.attachment()?.partitionOf(delivery)?.settled(delivery)
    this.#o.settled(settlement, result)
  }
}

const stateOf = ({ failures, marks, notBefore = 0, envelope }: RabbitDelivery): HeldState => ({
  failures,
  marks,
  notBefore,
  meta: envelope?.meta,
})

const stateAfter = (retry: Extract<Settlement, { kind: 'retry' }>): HeldState => ({
  failures: failuresAfter(retry),
  marks: 0,
  notBefore: retry.notBefore,
  meta: retry.meta,
})
