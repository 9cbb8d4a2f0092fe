import { type AnyEventContract, type Bus, createBus } from '@busbar/core'
import type { Adapter } from '@busbar/core/adapter'
import { MemoryBroker, memory } from '@busbar/memory'
import type { Case } from '../measure.ts'
import { nullSource } from './null-adapter.ts'
import { Checked, order, Plain } from './sample.ts'

const EVENTS = 20_000

/** `publishers` loops, each of which waits for its confirmation before it publishes again. */
async function publishAll(bus: Bus, contract: AnyEventContract, publishers: number): Promise<void> {
  let left = EVENTS
  const loop = async () => {
    while (left-- > 0) await bus.publish(contract, order)
  }
  await Promise.all(Array.from({ length: publishers }, loop))
}

const publishing = (
  broker: string,
  adapter: () => Adapter,
  contract: AnyEventContract,
  publishers: number,
): Case => ({
  group: `publish, ${broker}`,
  name: `${publishers} publishers${contract === Checked ? ', schema' : ''}`,
  events: EVENTS,
  async prepare() {
    const bus = await createBus(adapter(), { source: '/services/orders' })
    await bus.publish(contract, order)
    return { run: () => publishAll(bus, contract, publishers), end: () => bus.close() }
  },
})

/** Nothing is kept for replay, and there is no group: what is measured is the way to the confirmation. */
const memoryAdapter = () => memory({ broker: new MemoryBroker({ retention: { count: 0 } }) })

export const publishCases: readonly Case[] = [
  ...[1, 16, 256, 1_000].map(count => publishing('core alone', () => nullSource().adapter, Plain, count)),
  publishing('core alone', () => nullSource().adapter, Checked, 256),
  ...[1, 16, 256, 1_000].map(count => publishing('memory', memoryAdapter, Plain, count)),
  publishing('memory', memoryAdapter, Checked, 256),
]
