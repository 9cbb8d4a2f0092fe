/**
 * What the services say to each other. Everything here is a plain value: importing it brings in no driver, so a
 * publisher and a subscriber in different repositories can share it as a package.
 */
import { event, request, topic } from '@busbar/core'
import { z } from 'zod'

/** Ordered by order id: an amendment is never handled before the order it amends. */
export const orders = topic('orders', { ordered: true, partitions: 8 })

const item = z.object({ sku: z.string().min(1), quantity: z.int().positive() })

export const OrderPlaced = event('com.example.orders.order.placed', {
  topic: orders,
  data: z.object({
    orderId: z.string().min(1),
    customer: z.email(),
    items: z.array(item).min(1),
    payment: z.object({
      method: z.enum(['card', 'gift-card']),
      /** How often the bank says "try again later" before it accepts. The demo's way to make payments fail on purpose. */
      declines: z.int().nonnegative().default(0),
    }),
  }),
  key: order => order.orderId,
})

export const OrderAmended = event('com.example.orders.order.amended', {
  topic: orders,
  data: z.object({ orderId: z.string().min(1), revision: z.int().positive(), note: z.string() }),
  key: amendment => amendment.orderId,
})

export const Quote = request('com.example.pricing.quote', {
  topic: 'pricing',
  input: z.object({ items: z.array(item) }),
  output: z.object({ cents: z.int().nonnegative() }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }) },
  timeout: 3_000,
})

export const OrderPriced = event('com.example.orders.order.priced', {
  topic: 'priced-orders',
  data: z.object({
    orderId: z.string(),
    customer: z.string(),
    cents: z.int(),
    payment: z.object({ method: z.string(), declines: z.int() }),
  }),
})

export const PaymentTaken = event('com.example.billing.payment.taken', {
  topic: 'payments',
  data: z.object({ orderId: z.string(), customer: z.string(), cents: z.int() }),
})

export const OrderShipped = event('com.example.shipping.order.shipped', {
  topic: 'shipments',
  data: z.object({ orderId: z.string(), customer: z.string(), parcel: z.string() }),
})
