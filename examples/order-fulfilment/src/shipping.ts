import { OrderShipped, PaymentTaken } from './contracts.ts'
import { AUDIENCE } from './notifications.ts'
import { type Service, workFor } from './service.ts'

/** Sends a parcel for every payment, and says so to whoever listens. */
export async function startShipping({ bus, ledger }: Service) {
  const account = ledger.accounts.shipping
  await bus.subscribe(
    PaymentTaken,
    { group: 'shipping', concurrency: 32 },
    async ({ data, event, attempt, signal }) => {
      if (account.isRepeat(event)) return
      const { orderId, customer } = data
      await workFor(5, signal)
      const shipped = { source: '/shipping', id: `shipped-${orderId}` }
      ledger.expect(shipped, ...AUDIENCE)
      await bus.publish(
        OrderShipped,
        { orderId, customer, parcel: `P-${orderId}` },
        { attributes: shipped, signal },
      )
      if (account.handle(event, attempt)) ledger.happened('parcel', orderId)
    },
  )
}
