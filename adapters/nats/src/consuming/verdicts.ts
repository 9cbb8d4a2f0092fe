import { BusError, isBusError, META, type Settlement, type SettlementResult } from '@busbar/core/adapter'
import { connectionLost } from '../errors.ts'
import type { JetStreamApi } from '../link/api.ts'
import { countOf } from '../wire/incoming.ts'
import { type ContentMode, deadMessage } from '../wire/outgoing.ts'
import type { NatsDelivery } from './nats-delivery.ts'
import { type AttemptRecord, type AttemptRecords, publishAck } from './records.ts'

export const DONE: SettlementResult = { status: 'done' }
export const LOST: SettlementResult = { status: 'lost', copied: false }

export interface VerdictsOptions {
  readonly api: JetStreamApi
  readonly records: AttemptRecords
  /** Where dead letters go; undefined where nothing is dead-lettered. */
  readonly deadSubject: string | undefined
  readonly mode: ContentMode
}

/** Writes what has to be confirmed before a message is let go of: attempts, and dead letters. */
export class Verdicts {
  readonly #o: VerdictsOptions

  constructor(options: VerdictsOptions) {
    this.#o = options
  }

  /** Whether there is anything to keep beyond a process: broadcasts have no attempts. */
  get durable(): boolean {
    return this.#o.deadSubject !== undefined
  }

  async mark(delivery: NatsDelivery): Promise<void> {
    if (delivery.marked) return
    const before = recordOf(delivery)
    await this.#write(delivery, { ...before, marks: before.marks + 1 })
    delivery.marked = true
  }

  /** Uncounted: the server's count is noted as accounted for, and a start that was marked is not held against the message. */
  released(delivery: NatsDelivery): AttemptRecord {
    const record = { ...recordOf(delivery), marks: unmarked(delivery) }
    if (this.durable) this.#o.records.note(delivery.streamSequence, record)
    return record
  }

  async retry(delivery: NatsDelivery, settlement: Settlement & { kind: 'retry' }): Promise<SettlementResult> {
    const { notBefore, meta } = settlement
    try {
      await this.#write(delivery, {
        failures: countOf(meta[META.failures]) || delivery.failures + 1,
        // The marked start has its outcome now: this failure.
        marks: unmarked(delivery),
        meta,
        notBefore,
        delivered: delivery.delivered,
        redeliveries: delivery.redeliveries,
      })
      return DONE
    } catch (error) {
      return failed(error, 'none')
    }
  }

  async dead(delivery: NatsDelivery, meta: Readonly<Record<string, string>>): Promise<SettlementResult> {
    const { api, deadSubject: subject, mode } = this.#o
    if (subject === undefined) return NO_DEAD_LETTERS
    try {
      // The same id for each try, so that one whose confirmation was lost is not there twice.
      const id = `dead ${delivery.lane} ${delivery.streamSequence} ${subject}`
      const message = deadMessage(delivery, meta, id, mode)
      const answer = await api.link.call(subject, message.body, api.timeout, message.headers)
      publishAck(answer, subject)
      return DONE
    } catch (error) {
      return failed(error, isBusError(error, 'CONNECTION_LOST') ? 'maybe' : 'none')
    }
  }

  /** Removes what was noted beside it. */
  forget(delivery: NatsDelivery): void {
    if (delivery.stored !== undefined) this.#o.records.remove(delivery.stored.sequence)
  }

  async #write(delivery: NatsDelivery, record: AttemptRecord): Promise<void> {
    const sequence = await this.#o.records.write(delivery.streamSequence, record)
    delivery.stored = { sequence, record }
    // The link may have gone while the record was on its way: then the verdict cannot be told yet.
    if (this.#o.api.link.state !== 'live') throw connectionLost()
  }
}

const recordOf = (delivery: NatsDelivery): AttemptRecord => ({
  ...delivery.stored?.record,
  failures: delivery.failures,
  marks: delivery.stored?.record.marks ?? delivery.marks,
  delivered: delivery.delivered,
  redeliveries: delivery.redeliveries,
})

const unmarked = (delivery: NatsDelivery): number =>
  Math.max(0, recordOf(delivery).marks - (delivery.marked ? 1 : 0))

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
