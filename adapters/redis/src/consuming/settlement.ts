import { BusError, META, type Settlement, type SettlementResult } from '@busbar/core/adapter'
import { replyError } from '../errors.ts'
import { copyFields, type Fields } from '../wire/entry.ts'
import { DONE } from './member.ts'
import type { RedisDelivery } from './redis-delivery.ts'

/** What the copy has beside the original's fields. A marked start that has its outcome, or was given back, is forgotten. */
export function extraFields(settlement: Settlement): Fields {
  const delivery = settlement.delivery as RedisDelivery
  const { key, position, redeliveries, marks, structured } = delivery
  const meta: Record<string, string> = 'meta' in settlement ? { ...settlement.meta } : { ...delivery.meta }
  if (settlement.kind !== 'dead' && marks > 0) meta[META.marks] = String(marks)
  if (settlement.kind === 'retry') meta[META.notBefore] = String(settlement.notBefore)
  return copyFields(
    meta,
    settlement.kind === 'dead' ? { key } : { key, position, redelivered: redeliveries },
    structured,
  )
}

/** What a settling script's answer means to core. */
export function resultOf(answer: string, { delivery, kind }: Settlement): SettlementResult {
  switch (answer) {
    case 'done':
      return DONE
    case 'lost':
      // Our first try had been done, and only its answer was lost.
      return (delivery as RedisDelivery).uncertain ? DONE : { status: 'lost', copied: false }
    case 'gone': {
      const error = new BusError(
        'SETTLEMENT_FAILED',
        `the entry was deleted from the stream before it could be copied (${kind})`,
        {
          remedy: 'do not trim streams by hand: Busbar trims what every group has settled',
        },
      )
      return { status: 'failed', error, retryable: false, copy: 'none' }
    }
    default: {
      const error = replyError(answer)
      return { status: 'failed', error, retryable: error.retryable, copy: 'none' }
    }
  }
}
