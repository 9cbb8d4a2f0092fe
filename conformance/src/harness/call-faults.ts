import { type Adapter, BusError, type PublishResult, type SettlementResult } from '@busbar/core/adapter'
import { alterPublish } from '../wrap/broker.ts'
import { alterSubscriptions } from '../wrap/subscription.ts'

/**
 * Faults that no cable has, made between core and the adapter: an answer that is lost, a call that the broker refuses. For
 * harnesses that cannot make the broker itself do it.
 */
export interface CallFaults {
  attach(adapter: Adapter, client: string): Adapter
  loseConfirms(client: string, count: number): void
  refusePublishes(client: string, count: number): void
  failSettlements(client: string, count: number): void
  failDeadLetters(count: number): void
}

/** A count of faults left to inject. */
class Budget {
  #left = 0

  set(count: number): void {
    this.#left = count
  }

  take(): boolean {
    if (this.#left <= 0) return false
    this.#left--
    return true
  }
}

class ClientBudgets {
  readonly lost = new Budget()
  readonly refused = new Budget()
  readonly settlements = new Budget()
}

export function callFaults(): CallFaults {
  const clients = new Map<string, ClientBudgets>()
  const deadLetters = new Budget()
  const of = (client: string) => {
    const known = clients.get(client) ?? new ClientBudgets()
    clients.set(client, known)
    return known
  }
  return {
    attach: (adapter, client) => failingSettlements(unreliable(adapter, of(client)), of(client), deadLetters),
    loseConfirms: (client, count) => of(client).lost.set(count),
    refusePublishes: (client, count) => of(client).refused.set(count),
    failSettlements: (client, count) => of(client).settlements.set(count),
    failDeadLetters: count => deadLetters.set(count),
  }
}

/** Refused before they reach the adapter, or their answer lost after they have been stored. */
function unreliable(adapter: Adapter, { lost, refused }: ClientBudgets): Adapter {
  return alterPublish(adapter, publish => async batch => {
    const verdicts = batch.map(() => refused.take())
    const passed = batch.filter((_, at) => verdicts[at] === false)
    const sent = passed.length === 0 ? [] : await publish(passed)
    let next = 0
    return verdicts.map((isRefused): PublishResult => {
      if (isRefused) return { status: 'failed', error: injected('BROKER_REJECTED') }
      const result = sent[next++] as PublishResult
      if (result.status !== 'confirmed' || !lost.take()) return result
      return { status: 'unknown', cause: new Error('the confirmation was lost: a fault was injected') }
    })
  })
}

function failingSettlements(adapter: Adapter, { settlements }: ClientBudgets, deadLetters: Budget): Adapter {
  return alterSubscriptions(adapter, sides => ({
    subscription: {
      settle(batch) {
        const failed = batch.filter(
          ({ kind }) => settlements.take() || (kind === 'dead' && deadLetters.take()),
        )
        const passed = batch.filter(settlement => !failed.includes(settlement))
        if (passed.length > 0) sides.subscription.settle(passed)
        if (failed.length > 0) queueMicrotask(() => sides.sink.settled(failed, refusal()))
      },
    },
  }))
}

function refusal(): SettlementResult {
  return { status: 'failed', error: injected('SETTLEMENT_FAILED'), retryable: true, copy: 'none' }
}

function injected(code: 'BROKER_REJECTED' | 'SETTLEMENT_FAILED'): BusError {
  return new BusError(code, 'refused: a fault was injected', { retryable: true })
}
