import { event, topic } from '@busbar/core'
import { z } from 'zod'

/** About 440 bytes of JSON; with its attributes the event has about 580. */
export const order = {
  id: '0b3f5b8e-6d5f-4d53-8f0e-6f1c2a7f9e10',
  customer: { id: 'customer-4711', name: 'Ada Lovelace', email: 'ada@example.com', premium: true },
  items: [
    { sku: 'SKU-1000-BLUE', quantity: 2, cents: 1999 },
    { sku: 'SKU-2000-RED', quantity: 1, cents: 4950 },
    { sku: 'SKU-3000-GREEN', quantity: 12, cents: 99 },
  ],
  total: 10136,
  currency: 'EUR',
  note: 'Please ring twice, the bell is a little shy.',
  tags: ['gift', 'express'],
}

export const attributes = {
  id: 'f2b1a7a0-5c3e-4d8b-9a75-0d3f6c1b2e4d',
  source: '/services/orders',
  type: 'com.example.orders.order.placed',
  time: '2026-01-01T12:00:00.123Z',
  datacontenttype: 'application/json',
} as const

export const orders = topic('orders')

export const Plain = event('com.example.orders.order.placed', { topic: orders })

export const Checked = event('com.example.orders.order.placed', {
  topic: orders,
  data: z.object({
    id: z.string(),
    customer: z.object({ id: z.string(), name: z.string(), email: z.string(), premium: z.boolean() }),
    items: z.array(z.object({ sku: z.string(), quantity: z.int(), cents: z.int() })),
    total: z.int(),
    currency: z.string(),
    note: z.string(),
    tags: z.array(z.string()),
  }),
})
