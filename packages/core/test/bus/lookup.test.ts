import { topic } from '@busbar/core'
import { expect, test } from 'vitest'
import { memoryWorld, plain } from '../support/world.ts'

test('looking at a topic by its bare name declares nothing: its real declaration may follow', async () => {
  const { bus } = await memoryWorld()
  bus.deadLetters('orders', 'billing')
  const orders = topic('orders', { ordered: true, partitions: 4 })
  await bus.publish(orders, plain('a', { partitionkey: 'k' }))
  // From now on the bare name stands for that declaration.
  await expect(bus.publish('orders', plain('b'))).rejects.toMatchObject({ code: 'KEY_REQUIRED' })
})
