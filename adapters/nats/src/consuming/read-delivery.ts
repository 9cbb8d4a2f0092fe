import { type Delivery, type ForeignHeader, META } from '@busbar/core/adapter'
import { countOf, decodeMessage, timeOf } from '../wire/incoming.ts'
import { type HandOver, NatsDelivery } from './nats-delivery.ts'
import type { AttemptRecord } from './records.ts'

/** A message as it lies in its stream. */
export interface StreamMessage {
  readonly headers: readonly ForeignHeader[]
  readonly body: Uint8Array
}

/** @param topic where the message was published, or for a wildcard group's redrive its pattern, which the message corrects. */
export function readDelivery(
  { headers, body }: StreamMessage,
  handOver: HandOver,
  topic: string,
  redriveOfPattern: boolean,
): NatsDelivery {
  const { envelope, raw, decodeError, meta } = decodeMessage(headers, body)
  const record = handOver.stored?.record
  const notBefore = record?.notBefore ?? timeOf(meta[META.notBefore])
  const key = meta[META.key]
  return new NatsDelivery(handOver, {
    topic: redriveOfPattern ? (meta[META.topic] ?? topic) : topic,
    key,
    envelope: envelope === null || record?.meta === undefined ? envelope : { ...envelope, meta: record.meta },
    raw,
    decodeError,
    failures: record?.failures ?? countOf(meta[META.failures]),
    marks: record?.marks ?? countOf(meta[META.marks]),
    notBefore,
  })
}

/** Deliveries without an outcome: those since the record, and those that it has. */
export const redeliveriesOf = (delivered: number, record: AttemptRecord | undefined): number =>
  (record?.redeliveries ?? 0) + Math.max(0, delivered - 1 - (record?.delivered ?? 0))

/** What must not overtake each other on an ordered topic. */
export const gateKey = (delivery: Delivery): string => `${delivery.topic} ${delivery.key ?? ''}`
