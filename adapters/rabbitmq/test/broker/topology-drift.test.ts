import { createBus, isBusError, type Topic, topic } from '@busbar/core'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from '../../../../conformance/src/brokers/index.ts'

let url: string
let connection: ChannelModel
let channel: Channel
let tests = 0

beforeAll(async () => {
  url = (await startBroker('rabbitmq')).url
  connection = await connect(url)
  channel = await connection.createChannel()
})
afterAll(() => connection?.close())

/** A topic and its group, made by a bus that has gone. */
async function made(of: string | Topic) {
  const prefix = `drift-${process.pid}-${++tests}`
  const bus = await createBus(url, { prefix })
  await bus.subscribe(of, { group: 'billing' }, () => {})
  await bus.close()
  return prefix
}

const busOf = (prefix: string, topology: 'declare' | 'verify' | 'none') =>
  createBus(url, { prefix, topology })
const orders = topic('orders', { ordered: true, partitions: 2 })

describe('verify', () => {
  it('finds nothing where nothing was changed', async () => {
    const prefix = await made(orders)
    await using bus = await busOf(prefix, 'verify')
    await bus.subscribe(orders, { group: 'billing' }, () => {})
    expect(await bus.verifyTopology()).toEqual([])
  })

  it.each(['orders__billing__queue', 'orders__billing__dead'])('misses %s when it is gone', async name => {
    const prefix = await made('orders')
    await channel.deleteQueue(`${prefix}___${name}`)
    await using bus = await busOf(prefix, 'verify')
    const error = await bus.subscribe('orders', { group: 'billing' }, () => {}).catch(e => e)
    expect(isBusError(error, 'TOPOLOGY_MISSING')).toBe(true)
    expect(error.message).toContain(`${prefix}___${name}: missing`)
    await expect(channel.checkExchange(`${prefix}___orders`)).resolves.toBeDefined()
  })

  it('misses the states of a partition', async () => {
    const prefix = await made(orders)
    await channel.deleteQueue(`${prefix}___orders__billing__state.p1`)
    await using bus = await busOf(prefix, 'verify')
    const error = await bus.subscribe(orders, { group: 'billing' }, () => {}).catch(e => e)
    expect(error.message).toContain('orders__billing__state.p1: missing')
  })

  it('names a queue with other arguments, and what they are', async () => {
    const prefix = await made('orders')
    const name = `${prefix}___orders__billing__queue`
    await channel.deleteQueue(name)
    await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'classic' } })
    await using bus = await busOf(prefix, 'verify')
    const error = await bus.subscribe('orders', { group: 'billing' }, () => {}).catch(e => e)
    expect(isBusError(error, 'TOPOLOGY_INCOMPATIBLE')).toBe(true)
    expect(error.message).toMatch(/orders__billing__queue: different, expected .*classic/s)
  })

  it('names a topic that has another number of partitions', async () => {
    const prefix = await made(orders)
    const other = topic('orders', { ordered: true, partitions: 4 })
    await using bus = await busOf(prefix, 'verify')
    const error = await bus.subscribe(other, { group: 'billing' }, () => {}).catch(e => e)
    expect(error.message).toContain('partitions 4')
  })

  it('names a group that nobody subscribes any more, and goes on', async () => {
    const prefix = await made('orders')
    await using bus = await busOf(prefix, 'declare')
    await bus.subscribe('orders', { group: 'shipping' }, () => {})
    const drift = await bus.verifyTopology()
    expect(drift).toEqual([
      {
        kind: 'orphan',
        name: `${prefix}___orders__billing__queue`,
        remedy: expect.stringContaining('subscribe it'),
      },
    ])
  })
})

describe('none', () => {
  it('makes nothing, and says what is missing', async () => {
    const prefix = `drift-${process.pid}-${++tests}`
    await using bus = await busOf(prefix, 'none')
    const error = await bus.subscribe('orders', { group: 'billing' }, () => {}).catch(e => e)
    expect(error).toMatchObject({ code: 'TOPOLOGY_MISSING', field: 'topology' })
    await expect(
      bus.publish('orders', { id: 'a', source: '/test', type: 'com.example.test', data: 1 }),
    ).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
  })

  it('uses what is there', async () => {
    const prefix = await made('orders')
    await using bus = await busOf(prefix, 'none')
    const handled = Promise.withResolvers<string>()
    await bus.subscribe('orders', { group: 'billing' }, ({ event }) => handled.resolve(event.id))
    await bus.publish('orders', { id: 'a', source: '/test', type: 'com.example.test', data: 1 })
    expect(await handled.promise).toBe('a')
  })
})

describe('declare', () => {
  it('makes again what somebody removed', async () => {
    const prefix = await made('orders')
    await channel.deleteQueue(`${prefix}___orders__billing__queue`)
    await using bus = await busOf(prefix, 'declare')
    await bus.subscribe('orders', { group: 'billing' }, () => {})
    expect(await bus.verifyTopology()).toEqual([])
  })
})
