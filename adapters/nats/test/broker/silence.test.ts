import { createBus, isBusError } from '@busbar/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { nats } from '../../src/index.ts'

let broker: StartedBroker

beforeAll(async () => {
  broker = await startBroker('nats', { environment: {}, instance: `silence-${process.pid}` })
})

afterAll(async () => {
  await broker?.remove()
})

const event = (id: number) => ({
  id: String(id),
  source: '/test',
  type: 'com.example.placed',
  data: 'x'.repeat(1_000),
})

it('settles every publish when the server falls silent, and holds no more than its bounds', async () => {
  const servers = new URL(broker.url).host
  const bus = await createBus(
    nats({ servers, pingInterval: 500, operationTimeout: 1_000, reconnectDelay: 50 }),
    {
      source: '/test',
      publishing: { maxInFlight: 1_000, timeout: 3_000 },
    },
  )
  const handled = new Set<string>()
  await bus.subscribe('orders', { group: 'billing' }, ({ event: { id } }) => void handled.add(id))
  await bus.publish('orders', event(0))
  await broker.pause()
  const start = Date.now()
  const results = await Promise.allSettled(
    Array.from({ length: 5_000 }, (_, n) => bus.publish('orders', event(n + 1))),
  )
  expect(Date.now() - start).toBeLessThan(8_000)
  const codes = new Set(
    results.map(result =>
      result.status === 'fulfilled' ? 'confirmed' : isBusError(result.reason) && result.reason.code,
    ),
  )
  for (const code of codes) expect(['PUBLISH_UNKNOWN', 'PUBLISH_TIMEOUT', 'PUBLISH_FAILED']).toContain(code)
  expect(bus.stats.publishing).toBe(0)

  await broker.resume()
  await bus.publish('orders', event(6_000), { timeout: 20_000 })
  await expect.poll(() => handled.has('6000'), { timeout: 15_000 }).toBe(true)
  await bus.close()
})
