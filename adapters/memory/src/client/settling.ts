import type { Settlement, SettlementResult } from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import type { ConsumerQueue } from '../server/consumer-queue.ts'
import type { Faults } from '../server/faults.ts'
import type { Member } from '../server/member.ts'
import type { Surroundings } from '../server/surroundings.ts'

export interface SettledPart {
  readonly settlements: readonly Settlement[]
  readonly result: SettlementResult
}

const DONE: SettlementResult = { status: 'done' }

/** Settles a batch; those that are done in one part, each other one in its own. */
export function settleBatch(
  queue: ConsumerQueue,
  member: Member,
  batch: readonly Settlement[],
  server: Surroundings,
): SettledPart[] {
  const now = server.now()
  const { faults } = server
  let done: readonly Settlement[] = batch
  let others: SettledPart[] | undefined
  for (let i = 0; i < batch.length; i++) {
    const settlement = batch[i] as Settlement
    const result = faults.active
      ? settleFaulty(queue, member, settlement, now, faults)
      : queue.settle(member, settlement, now)
    if (result.status === 'done') {
      if (others !== undefined) (done as Settlement[]).push(settlement)
      continue
    }
    if (others === undefined) {
      others = []
      done = batch.slice(0, i)
    }
    others.push({ settlements: [settlement], result })
  }
  const parts = done.length > 0 ? [{ settlements: done, result: DONE }] : []
  return others === undefined ? parts : [...parts, ...others]
}

function settleFaulty(
  queue: ConsumerQueue,
  member: Member,
  settlement: Settlement,
  now: number,
  faults: Faults,
): SettlementResult {
  switch (faults.settleFault()) {
    case 'none':
      return queue.settle(member, settlement, now)
    case 'unanswered':
      return queue.settleUnanswered(member, settlement, now)
    case 'refused': {
      const error = new BusError(
        'SETTLEMENT_FAILED',
        'the memory broker refused to settle: a fault was injected',
        {
          retryable: true,
        },
      )
      return { status: 'failed', error, retryable: true, copy: 'none' }
    }
  }
}
