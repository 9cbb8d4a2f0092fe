import { createBus, topic } from '@busbar/core'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from '../../../../conformance/src/brokers/index.ts'
import { startProxy } from '../../../../conformance/src/harness/tcp-proxy.ts'
import { until } from './support/until.ts'

const orders = topic('orders', { ordered: true, partitions: 1 })
const event = (id: string) => ({ id, source: '/test', type: 'com.example.test', data: 1 })
const backoff = (wait: number) => ({ attempts: 5, backoff: { kind: 'fixed', delay: wait } as const })

let url: string
let connection: ChannelModel
let channel: Channel
let tests = 0
let prefix: string

beforeAll(async () => {
  url = (await startBroker('rabbitmq')).url
  connection = await connect(url)
  channel = await connection.createChannel()
})
afterAll(() => connection?.close())

const records = async () => (await channel.checkQueue(`${prefix}___orders__billing__state.p0`)).messageCount

/** Reaches the broker over a link that can be cut for ever. */
async function victim() {
  const { hostname, port } = new URL(url)
  const proxy = await startProxy(hostname, Number(port))
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String(proxy.port)
  return { bus: await createBus(through.href, { prefix, onError: () => {} }), proxy }
}

describe('what is known of an ordered event in backoff', () => {
  it('outlives two crashes of its members, with its key held', async () => {
    prefix = `held-${process.pid}-${++tests}`
    await using publisher = await createBus(url, { prefix })
    const attempts: number[] = []
    for (const crash of [1, 2]) {
      const { bus, proxy } = await victim()
      const subscription = await bus.subscribe(
        orders,
        { group: 'billing', retry: backoff(300) },
        ({ attempt }) => {
          attempts.push(attempt)
          throw new Error('not here')
        },
      )
      if (crash === 1)
        for (const id of ['a', 'b', 'c']) await publisher.publish(orders, event(id), { key: 'k' })
      await until(() => subscription.stats.retried >= 1, 'a failure')
      await until(async () => (await records()) >= crash, 'its record')
      proxy.cut()
      await bus.close()
      await proxy.close()
    }
    const seen: [string, number][] = []
    await using last = await createBus(url, { prefix })
    await last.subscribe(
      orders,
      { group: 'billing' },
      ({ event, attempt }) => void seen.push([event.id, attempt]),
    )
    await until(() => seen.length === 3, 'all three')
    expect(seen.map(([id]) => id)).toEqual(['a', 'b', 'c'])
    expect(seen[0]?.[1]).toBe((attempts.at(-1) ?? 0) + 1)
    expect(attempts.at(-1)).toBeGreaterThanOrEqual(2)
    expect(seen.slice(1).map(([, attempt]) => attempt)).toEqual([1, 1])
    await until(async () => (await records()) === 0, 'the records to be removed')
  })

  it('is removed from the broker once nobody needs it', async () => {
    prefix = `held-${process.pid}-${++tests}`
    await using bus = await createBus(url, { prefix })
    const failed = new Set<string>()
    let handled = 0
    await bus.subscribe(
      orders,
      {
        group: 'billing',
        concurrency: 8,
        retry: { attempts: 2, backoff: { kind: 'fixed', delay: 20 } },
      },
      ({ event }) => {
        if (!failed.has(event.id)) {
          failed.add(event.id)
          throw new Error('once')
        }
        handled++
      },
    )
    const ids = Array.from({ length: 150 }, (_, n) => `e-${n}`)
    await Promise.all(ids.map(id => bus.publish(orders, event(id), { key: id })))
    await until(() => handled === ids.length, 'all of them')
    await until(async () => (await records()) === 0, 'the records to be removed')
  })
})
