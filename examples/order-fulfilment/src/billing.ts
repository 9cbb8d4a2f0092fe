import type { Bus } from '@busbar/core'
import { OrderPriced, PaymentTaken } from './contracts.ts'
import type { Ledger } from './ledger.ts'
import { workFor } from './service.ts'

/** Takes payments. Several workers in one group compete for the events, as several processes would. */
export async function startBilling(workers: readonly Bus[], ledger: Ledger) {
  const account = ledger.accounts.billing
  let knowsGiftCards = false
  for (const bus of workers) {
    await bus.subscribe(
      OrderPriced,
      {
        group: 'billing',
        concurrency: 16,
        retry: { attempts: 4, backoff: { kind: 'exponential', initial: 150, max: 2_000, jitter: 'full' } },
      },
      async ({ data, event, attempt, signal }) => {
        if (account.isRepeat(event)) return
        const { orderId, customer, cents, payment } = data
        await workFor(15, signal)
        if (payment.method === 'gift-card' && !knowsGiftCards) {
          throw new Error('this version of billing does not know gift cards')
        }
        if (attempt <= payment.declines) throw new Error('the bank says: try again later')
        const taken = { source: '/billing', id: `payment-${orderId}` }
        ledger.expect(taken, 'shipping')
        await bus.publish(PaymentTaken, { orderId, customer, cents }, { attributes: taken, signal })
        if (account.handle(event, attempt)) ledger.happened('charge', orderId)
      },
    )
  }
  return {
    /** The fix, later in the demo. */
    learnGiftCards: () => {
      knowsGiftCards = true
    },
  }
}
