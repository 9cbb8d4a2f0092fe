import { createBus, topic } from '@busbar/core'
import type { TopologyMode } from '@busbar/core/adapter'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type StartedBroker, startBroker } from '../../../../conformance/src/brokers/index.ts'
import { nats } from '../../src/index.ts'

let broker: StartedBroker
let connection: NatsConnection
let prefix = ''
let made = 0

const api = async (path: string, body: object = {}) => {
  const answer = (await connection.request(`$JS.API.${path}`, JSON.stringify(body))).json<{
    error?: { description: string }
    config: Record<string, unknown>
  }>()
  if (answer.error !== undefined) throw new Error(`${path}: ${answer.error.description}`)
  return answer
}

const open = (topology: TopologyMode = 'declare') =>
  createBus(nats({ servers: new URL(broker.url).host }), { source: '/test', prefix, topology })

const orders = topic('orders')
const group = { group: 'billing' }
const consumer = () => `${stream()}.orders__billing__queue`
const stream = () => `${prefix}___orders`

async function withGroup() {
  prefix = `drift-${process.pid}-${++made}`
  const bus = await open()
  await bus.subscribe(orders, group, () => {})
  return bus
}

/** Changes a stream or a consumer as an operator would. */
async function change(kind: 'STREAM' | 'CONSUMER', name: string, fields: object): Promise<void> {
  const { config } = await api(`${kind}.INFO.${name}`)
  if (kind === 'STREAM') await api(`STREAM.UPDATE.${name}`, { ...config, ...fields })
  else
    await api(`CONSUMER.DURABLE.CREATE.${name}`, {
      stream_name: name.split('.')[0],
      config: { ...config, ...fields },
    })
}

beforeAll(async () => {
  broker = await startBroker('nats')
  connection = await connect({ servers: broker.url })
})

afterAll(async () => {
  for (let n = 1; n <= made; n++) {
    const names =
      (await connection.request('$JS.API.STREAM.NAMES')).json<{ streams?: string[] }>().streams ?? []
    const own = names.filter(name => name.startsWith(`drift-${process.pid}-${n}___`))
    await Promise.all(own.map(name => api(`STREAM.DELETE.${name}`)))
  }
  await connection?.close()
})

describe('verifying', () => {
  it('finds nothing where nobody has changed anything', async () => {
    await using bus = await withGroup()
    expect(await bus.verifyTopology()).toEqual([])
  })

  it.each([
    ['a subject taken away', { subjects: ['somewhere.else'] }, /^subjects /],
    ['another discard policy', { discard: 'new' }, /^discard /],
  ])('names %s', async (_, fields, expected) => {
    await using bus = await withGroup()
    const own = 'subjects' in fields ? { subjects: [`${prefix}.else`] } : fields
    await change('STREAM', stream(), own)
    const drifts = await bus.verifyTopology()
    expect(drifts).toMatchObject([{ kind: 'different', name: stream() }])
    expect(drifts[0]?.expected).toMatch(expected)
    expect(drifts[0]?.expected).not.toBe(drifts[0]?.actual)
  })

  it.each([
    [{ max_deliver: 3 }, 'max_deliver 3'],
    [{ max_ack_pending: 5 }, 'max_ack_pending 5'],
  ])('names a consumer with %j', async (fields, actual) => {
    await using bus = await withGroup()
    await change('CONSUMER', consumer(), fields)
    expect(await bus.verifyTopology()).toMatchObject([{ kind: 'different', actual }])
  })

  it('names what is gone, and consumers that nobody reads', async () => {
    await using bus = await withGroup()
    await api(`STREAM.DELETE.${prefix}___orders__dead`)
    await api(`CONSUMER.DURABLE.CREATE.${stream()}.stray`, {
      stream_name: stream(),
      config: { durable_name: 'stray', ack_policy: 'explicit' },
    })
    const drifts = await bus.verifyTopology()
    expect(drifts.map(({ kind, name }) => [kind, name])).toEqual([
      ['missing', `${prefix}___orders__dead`],
      ['orphan', `${stream()}/stray`],
    ])
    for (const { remedy } of drifts) expect(remedy).not.toBe('')
  })

  it('knows the consumers of an ordered group for its own', async () => {
    prefix = `drift-${process.pid}-${++made}`
    await using bus = await open()
    const moves = topic('moves', { ordered: true, partitions: 2 })
    const { promise, resolve } = Promise.withResolvers<void>()
    await bus.subscribe(moves, group, () => resolve())
    await bus.publish(moves, { id: '1', source: '/test', type: 'com.example.moved' }, { key: 'k' })
    await promise
    expect(await bus.verifyTopology()).toEqual([])
  })
})

describe('what is there already', () => {
  it('is refused where it would lose events', async () => {
    prefix = `drift-${process.pid}-${++made}`
    await api(`STREAM.CREATE.${stream()}`, {
      name: stream(),
      subjects: [`${prefix}.taken`],
      retention: 'workqueue',
    })
    await using bus = await open()
    const error = await bus.subscribe(orders, group, () => {}).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'TOPOLOGY_INCOMPATIBLE', field: 'topics.orders' })
    expect(String(error)).toMatch(/workqueue.*does not take/s)
  })

  it('is refused where another stream has the subject', async () => {
    prefix = `drift-${process.pid}-${++made}`
    await api(`STREAM.CREATE.${prefix}___other`, {
      name: `${prefix}___other`,
      subjects: [`${prefix}.__.orders`],
    })
    await using bus = await open()
    await expect(bus.subscribe(orders, group, () => {})).rejects.toMatchObject({
      code: 'TOPOLOGY_INCOMPATIBLE',
    })
  })

  it('is refused where a consumer gives up on events', async () => {
    await using bus = await withGroup()
    await change('CONSUMER', consumer(), { max_deliver: 3 })
    await using other = await open()
    const error = await other.subscribe(orders, group, () => {}).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'TOPOLOGY_INCOMPATIBLE', field: 'group.billing' })
    expect(String(error)).toContain('max_deliver 3')
    expect(await bus.verifyTopology()).toHaveLength(1)
  })

  it('is needed where nothing may be made', async () => {
    prefix = `drift-${process.pid}-${++made}`
    await using bus = await open('none')
    await expect(bus.subscribe(orders, group, () => {})).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
    await expect(
      bus.publish(orders, { id: '1', source: '/test', type: 'com.example.placed' }),
    ).rejects.toMatchObject({
      code: 'TOPOLOGY_MISSING',
    })
  })
})
