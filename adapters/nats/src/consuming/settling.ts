import { BusError, isBusError, META, type Settlement, type SettlementResult } from '@busbar/core/adapter'
import { connectionLost } from '../errors.ts'
import type { JetStreamApi } from '../link/api.ts'
import { nanos } from '../topology/config.ts'
import { countOf } from '../wire/incoming.ts'
import { type ContentMode, deadMessage } from '../wire/outgoing.ts'
import type { NatsDelivery } from './nats-delivery.ts'
import { type AttemptRecord, type AttemptRecords, publishAck } from './records.ts'

export const DONE: SettlementResult = { status: 'done' }
export const LOST: SettlementResult = { status: 'lost', copied: false }

/** Settles one delivery after the other; `ack` and `release` without waiting, what has to be written after its confirmation. */
export class Settling {
  readonly #api: JetStreamApi
  readonly #records: AttemptRecords
  /** Where dead letters go; undefined where nothing is dead-lettered. */
  readonly #deadSubject: string | undefined
  readonly #mode: ContentMode

  constructor(
    api: JetStreamApi,
    records: AttemptRecords,
    deadSubject: string | undefined,
    mode: ContentMode,
  ) {
    this.#api = api
    this.#records = records
    this.#deadSubject = deadSubject
    this.#mode = mode
  }

  /** Fire and forget, in the order of the link: {@link JetStreamApi.link}'s flush tells that the server has it. */
  ack(delivery: NatsDelivery): void {
    this.#api.link.publish(delivery.ackSubject, '+ACK')
    this.forget(delivery)
  }

  /** Removes what was noted beside it. */
  forget(delivery: NatsDelivery): void {
    if (delivery.stored !== undefined) this.#records.remove(delivery.stored.sequence)
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

  async mark(delivery: NatsDelivery): Promise<void> {
    if (delivery.marked) return
    const before = recordOf(delivery)
    await this.#write(delivery, { ...before, marks: before.marks + 1 })
    delivery.marked = true
  }

  /** Uncounted: the server's count is noted as accounted for, and a start that was marked is not held against the message. */
  release(delivery: NatsDelivery): void {
    const record = recordOf(delivery)
    const marks = Math.max(0, record.marks - (delivery.marked ? 1 : 0))
    if (this.#deadSubject !== undefined) this.#records.note(delivery.streamSequence, { ...record, marks })
    this.giveBack(delivery)
  }

  async retry(delivery: NatsDelivery, settlement: Settlement & { kind: 'retry' }): Promise<SettlementResult> {
    const { notBefore, meta } = settlement
    const before = recordOf(delivery)
    try {
      await this.#write(delivery, {
        failures: countOf(meta[META.failures]) || delivery.failures + 1,
        // The marked start has its outcome now: this failure.
        marks: Math.max(0, before.marks - (delivery.marked ? 1 : 0)),
        meta,
        notBefore,
        ...(before.lane === undefined ? {} : { lane: before.lane }),
        delivered: delivery.delivered,
        redeliveries: delivery.redeliveries,
      })
      this.giveBack(delivery, notBefore - this.#api.link.clock.now())
      return DONE
    } catch (error) {
      return failed(error, 'none')
    }
  }

  async dead(delivery: NatsDelivery, meta: Readonly<Record<string, string>>): Promise<SettlementResult> {
    const subject = this.#deadSubject
    if (subject === undefined) return NO_DEAD_LETTERS
    try {
      // The same id for each try, so that one whose confirmation was lost is not there twice.
      const id = `dead ${delivery.lane} ${delivery.streamSequence} ${subject}`
      const message = deadMessage(delivery, meta, id, this.#mode)
      const answer = await this.#api.link.call(subject, message.body, this.#api.timeout, message.headers)
      publishAck(answer, subject)
    } catch (error) {
      return failed(error, isBusError(error, 'CONNECTION_LOST') ? 'maybe' : 'none')
    }
    this.ack(delivery)
    return DONE
  }

  async #write(delivery: NatsDelivery, record: AttemptRecord): Promise<void> {
    const sequence = await this.#records.write(delivery.streamSequence, record)
    delivery.stored = { sequence, record }
    // The link may have gone while the record was on its way: then the verdict cannot be told yet.
    if (this.#api.link.state !== 'live') throw connectionLost()
  }
}

const recordOf = (delivery: NatsDelivery): AttemptRecord => ({
  ...delivery.stored?.record,
  failures: delivery.failures,
  marks: delivery.stored?.record.marks ?? delivery.marks,
  delivered: delivery.delivered,
  redeliveries: delivery.redeliveries,
  ...(delivery.gate === undefined ? {} : { lane: delivery.gate }),
})

/** A stream that is missing may be made by an operator: settlements go on trying. */
const failed = (error: unknown, copy: 'none' | 'maybe'): SettlementResult => ({
  status: 'failed',
  error,
  retryable: !isBusError(error) || error.retryable,
  copy,
})

const NO_DEAD_LETTERS: SettlementResult = {
  status: 'failed',
  error: new BusError('BROKER_REJECTED', 'only a group has a dead-letter queue', {
    remedy: 'ack it: broadcasts and requests are never dead-lettered',
  }),
  retryable: false,
  copy: 'none',
}
