import { Reject } from '@busbar/core'
import { OrderAmended, OrderPlaced, OrderPriced, Quote } from './contracts.ts'
import type { Service } from './service.ts'

/** Takes orders in, has them priced, and passes them on to billing. One subscription handles both event types. */
export async function startOrders({ bus, ledger }: Service) {
  const account = ledger.accounts['order-desk']
  await bus.subscribe(
    [OrderPlaced, OrderAmended],
    { group: 'order-desk' },
    async ({ type, data, event, attempt, signal }) => {
      if (account.isRepeat(event)) return
      ledger.checkOrder(data.orderId, event)
      if (type === OrderPlaced.type) {
        const { orderId, customer, items, payment } = data
        const { cents } = await quote(items, signal)
        // An id made from the order's: should this handler run twice, its second publish is recognised as the same event.
        const priced = { source: '/orders', id: `priced-${orderId}` }
        ledger.expect(priced, 'billing')
        await bus.publish(OrderPriced, { orderId, customer, cents, payment }, { attributes: priced, signal })
      }
      account.handle(event, attempt)
    },
  )

  async function quote(items: { sku: string; quantity: number }[], signal: AbortSignal) {
    const asked = performance.now()
    try {
      return await bus.request(Quote, { items }, { signal })
    } catch (error) {
      if (!Quote.isFailure(error, 'UNKNOWN_SKU')) throw error
      // Trying again cannot help: straight to the dead-letter queue, where somebody will look at it.
      throw new Reject(`no article "${error.data.sku}" in the catalogue`, { cause: error })
    } finally {
      ledger.quotes.push(performance.now() - asked)
    }
  }
}
