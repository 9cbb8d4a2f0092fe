import { createBus } from '@busbar/core'
import { type ChannelModel, connect } from 'amqplib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startBroker } from '../../../../conformance/src/brokers/index.ts'
import { Names } from '../../src/topology/names.ts'
import { until } from './support/until.ts'

const event = (id: string) => ({ id, source: '/test', type: 'com.example.test', data: 1 })

let url: string
let connection: ChannelModel
let tests = 0
const prefixed = () => `wildcards-${process.pid}-${++tests}`

beforeAll(async () => {
  url = (await startBroker('rabbitmq')).url
  connection = await connect(url)
})
afterAll(() => connection?.close())

async function hasWildcards(prefix: string): Promise<boolean> {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  try {
    await channel.checkExchange(new Names(prefix).wildcardExchange)
    await channel.close()
    return true
  } catch {
    return false
  }
}

it('makes the exchange of patterns for the first subscription to one', async () => {
  const prefix = prefixed()
  await using bus = await createBus(url, { prefix })
  await bus.subscribe('orders.made', { group: 'billing' }, () => {})
  await bus.publish('orders.made', event('first'))
  expect(await hasWildcards(prefix)).toBe(false)
  await bus.subscribe('orders.*', { group: 'audit' }, () => {})
  expect(await hasWildcards(prefix)).toBe(true)
})

it.each(['group', 'broadcast'] as const)(
  'loses nothing that is published once a %s has subscribed, while others make topics',
  async kind => {
    const prefix = prefixed()
    const seen = new Set<string>()
    const buses = await Promise.all(Array.from({ length: 6 }, () => createBus(url, { prefix })))
    const publishers = buses.slice(0, 4)
    const subscribers = buses.slice(4)
    try {
      let subscribed = false
      const due: string[] = []
      const publishing = publishers.map(async (bus, p) => {
        for (let n = 0; n < 30; n++) {
          const topic = `orders.t${p}-${n}`
          for (const each of [topic, `orders.t${p}-0`]) {
            const id = `${each} ${n}`
            if (subscribed) due.push(id)
            await bus.publish(each, event(id))
          }
        }
      })
      await Promise.all(
        subscribers.map(bus =>
          bus.subscribe('orders.*', kind === 'group' ? { group: 'audit' } : {}, ({ event }) => {
            seen.add(event.id)
          }),
        ),
      )
      subscribed = true
      await Promise.all(publishing)
      expect(due.length).toBeGreaterThan(20)
      await until(() => due.every(id => seen.has(id)), 'all that was published after')
    } finally {
      await Promise.all(buses.map(bus => bus.close()))
    }
  },
)
