import type { Bus } from '@busbar/core'
import { OrderShipped } from './contracts.ts'
import type { Ledger } from './ledger.ts'
import type { Service } from './service.ts'

/** Groups of their own: each of them gets every shipment, also those from while it was down. */
const CHANNELS = ['email', 'sms'] as const

/** Displays in shop windows: each shows every shipment, and none needs those from before it was switched on. */
export const SCREENS = ['screen-1', 'screen-2'] as const

/** Everybody who gets each shipment. */
export const AUDIENCE = [...CHANNELS, ...SCREENS] as const

/** Fan-out to groups: each channel is a group. */
export async function startNotifications({ bus, ledger }: Service) {
  for (const channel of CHANNELS) {
    await bus.subscribe(OrderShipped, { group: channel }, ({ data, event, attempt }) => {
      if (ledger.accounts[channel].handle(event, attempt)) ledger.happened(channel, data.orderId)
    })
  }
}

/** Fan-out to instances: a subscription without a group is a broadcast. */
export async function startScreen(bus: Bus, screen: (typeof SCREENS)[number], ledger: Ledger) {
  await bus.subscribe(OrderShipped, {}, ({ event, attempt }) => {
    ledger.accounts[screen].handle(event, attempt)
  })
}
