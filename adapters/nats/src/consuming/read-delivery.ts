import { type Delivery, type ForeignHeader, META } from '@busbar/core/adapter'
import { countOf, decodeMessage, timeOf } from '../wire/incoming.ts'
import { NatsDelivery } from './nats-delivery.ts'
import type { AttemptRecord, StoredRecord } from './records.ts'

/** A message as it lies in its stream. */
export interface StreamMessage {
  readonly headers: readonly ForeignHeader[]
  readonly body: Uint8Array
}

/** A message that the server has handed out. */
export interface HandOver {
  /** Where it is acknowledged; empty where nothing is. */
  readonly ackSubject: string
  /** The server's count, this hand-over included. */
  readonly delivered: number
  /** How often it has been handed out without an outcome. */
  readonly redeliveries: number
  readonly streamSequence: number
  readonly lane: string
  readonly leaseUntil: number
  readonly aliveUntil: number
  readonly stored: StoredRecord | undefined
}

/** @param topic where the message was published, or for a wildcard group's redrive its pattern, which the message corrects. */
export function readDelivery(
  { headers, body }: StreamMessage,
  handOver: HandOver,
  topic: string,
  redriveOfPattern: boolean,
): NatsDelivery {
  const { redeliveries, streamSequence, lane, stored } = handOver
  const { envelope, raw, decodeError, meta } = decodeMessage(headers, body)
  const record = stored?.record
  const notBefore = record?.notBefore ?? timeOf(meta[META.notBefore])
  const key = meta[META.key]
  const fields: Delivery = {
    topic: redriveOfPattern ? (meta[META.topic] ?? topic) : topic,
    envelope: envelope === null || record?.meta === undefined ? envelope : { ...envelope, meta: record.meta },
    failures: record?.failures ?? countOf(meta[META.failures]),
    marks: record?.marks ?? countOf(meta[META.marks]),
    redeliveries,
    sequence: streamSequence,
    lane,
    position: String(streamSequence),
    ...(key === undefined ? {} : { key }),
    ...(raw === undefined ? {} : { raw, decodeError }),
    ...(notBefore === undefined ? {} : { notBefore }),
  }
  return new NatsDelivery(fields, handOver)
}

/** Deliveries without an outcome: those since the record, and those that it has. */
export const redeliveriesOf = (delivered: number, record: AttemptRecord | undefined): number =>
  (record?.redeliveries ?? 0) + Math.max(0, delivered - 1 - (record?.delivered ?? 0))

/** What must not overtake each other on an ordered topic. */
export const gateKey = (delivery: Delivery): string => `${delivery.topic} ${delivery.key ?? ''}`
