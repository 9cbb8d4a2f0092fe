import type { Settlement, SettlementResult } from '@busbar/core/adapter'
import type { JetStreamApi } from '../link/api.ts'
import { nanos } from '../topology/config.ts'
import type { NatsDelivery } from './nats-delivery.ts'
import type { Verdicts } from './verdicts.ts'

/** The server takes an empty message for `+ACK`. */
const ACK = new Uint8Array(0)

/** Tells the server what became of a delivery: fire and forget, in the order of the link, whose flush tells that the server has it. */
export class Settling {
  readonly #api: JetStreamApi
  readonly #verdicts: Verdicts

  constructor(api: JetStreamApi, verdicts: Verdicts) {
    this.#api = api
    this.#verdicts = verdicts
  }

  ack(delivery: NatsDelivery): void {
    this.#api.link.publish(delivery.ackSubject, ACK)
    this.#verdicts.forget(delivery)
  }

  giveBack(delivery: Pick<NatsDelivery, 'ackSubject'>, delay = 0): void {
    this.#api.link.publish(
      delivery.ackSubject,
      delay > 0 ? `-NAK ${JSON.stringify({ delay: nanos(delay) })}` : '-NAK',
    )
  }

  extend(delivery: NatsDelivery): void {
    this.#api.link.publish(delivery.ackSubject, '+WPI')
  }

  release(delivery: NatsDelivery): void {
    this.#verdicts.released(delivery)
    this.giveBack(delivery)
  }

  async retry(delivery: NatsDelivery, settlement: Settlement & { kind: 'retry' }): Promise<SettlementResult> {
    const result = await this.#verdicts.retry(delivery, settlement)
    if (result.status === 'done') this.giveBack(delivery, settlement.notBefore - this.#api.link.clock.now())
    return result
  }

  async dead(delivery: NatsDelivery, meta: Readonly<Record<string, string>>): Promise<SettlementResult> {
    const result = await this.#verdicts.dead(delivery, meta)
    if (result.status === 'done') this.ack(delivery)
    return result
  }
}
