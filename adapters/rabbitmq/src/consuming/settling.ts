import { BusError, META, type Settlement, type SettlementResult } from '@busbar/core/adapter'
import { missing } from '../errors.ts'
import type { Posted } from '../publishing/publisher.ts'
import { count } from '../wire/decode.ts'
import type { Copies } from './copies.ts'
import type { RabbitDelivery } from './delivery.ts'

export const LOST: SettlementResult = { status: 'lost', copied: false }
const LOST_COPIED: SettlementResult = { status: 'lost', copied: true }
export const DONE: SettlementResult = { status: 'done' }

export interface SettlingOptions {
  readonly copies: Copies
  readonly dead: string
  readonly topic: string
  readonly onMissing: () => void
}

/** Settles by copy: written, confirmed, and only then the original acked. Calls `report` once. */
export async function settleByCopy(
  settlement: Exclude<Settlement, { kind: 'ack' }>,
  queue: string,
  options: SettlingOptions,
  report: (result: SettlementResult) => void,
): Promise<void> {
  const delivery = settlement.delivery as RabbitDelivery
  let posted: Posted
  try {
    posted = await write(settlement, delivery, queue, options)
  } catch (error) {
    report({ status: 'failed', error, retryable: false, copy: 'none' })
    return
  }
  const result = outcome(posted, settlement.kind === 'dead' ? options.dead : queue)
  if (result !== undefined) {
    if (posted.status === 'confirmed') options.onMissing()
    // Without its channel it comes again by itself.
    report(delivery.acks.ended ? LOST : result)
    return
  }
  if (delivery.acks.ended) report(LOST_COPIED)
  else delivery.acks.add(delivery.tag, () => report(DONE))
}

function write(
  settlement: Exclude<Settlement, { kind: 'ack' }>,
  delivery: RabbitDelivery,
  queue: string,
  { copies, dead, topic }: SettlingOptions,
): Promise<Posted> {
  switch (settlement.kind) {
    case 'release':
      return copies.into(queue, delivery, topicOf(delivery, topic, rawMeta(delivery)), {
        redeliveries: delivery.redeliveries,
        marks: delivery.marks,
        notBefore: delivery.notBefore,
      })
    case 'retry':
      return copies.into(queue, delivery, topicOf(delivery, topic, settlement.meta), {
        notBefore: settlement.notBefore,
      })
    case 'dead':
      return copies.into(dead, delivery, settlement.meta)
  }
}

/** An undecodable message has its counts beside it. */
function rawMeta(delivery: RabbitDelivery): Readonly<Record<string, string>> {
  if (delivery.envelope !== null) return delivery.envelope.meta
  return delivery.failures > 0 ? { [META.failures]: String(delivery.failures) } : {}
}

/** A copy in a wildcard group's queue has no routing key to read its topic from. */
function topicOf(
  delivery: RabbitDelivery,
  topic: string,
  meta: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return delivery.topic === topic ? meta : { ...meta, [META.topic]: delivery.topic }
}

/** Undefined when the copy is safe. */
function outcome(posted: Posted, queue: string): SettlementResult | undefined {
  switch (posted.status) {
    case 'confirmed':
      return posted.routed
        ? undefined
        : { status: 'failed', error: missing(`queue ${queue}`), retryable: true, copy: 'none' }
    case 'failed':
      return { status: 'failed', error: posted.error, retryable: posted.error.retryable, copy: 'none' }
    case 'unknown':
      return {
        status: 'failed',
        error: new BusError('CONNECTION_LOST', 'the copy was not confirmed', {
          cause: posted.cause,
          retryable: true,
        }),
        retryable: true,
        copy: 'maybe',
      }
  }
}

/** What core counts, told in the metadata of the retry. */
export function failuresAfter({ meta, delivery }: Extract<Settlement, { kind: 'retry' }>): number {
  return count(meta[META.failures]) || delivery.failures + 1
}
