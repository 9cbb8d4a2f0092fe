import { event } from '@busbar/core'
import { fields } from './standard-schema.ts'

/** A contract on topic `orders`, with a schema that demands both fields. */
export const OrderPlaced = event('com.example.order.placed', {
  topic: 'orders',
  data: fields<{ order: string; total: number }>({ order: 'string', total: 'number' }),
})

/** Another type on the same topic. */
export const OrderShipped = event('com.example.order.shipped', {
  topic: 'orders',
  data: fields<{ order: string }>({ order: 'string' }),
})
