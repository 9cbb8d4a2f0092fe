import assert from 'node:assert/strict'
import { type Bus, createBus, topic } from '@busbar/core'
import { redis } from '@busbar/redis'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { event, refusal } from './attempts.ts'
import { type OwnServer, ownServer } from './own-server.ts'

let server: OwnServer

beforeAll(async () => {
  server = await ownServer('topology')
}, 120_000)
afterAll(() => server?.remove())

const orders = topic('orders', { partitions: 4, ordered: true, retention: { count: 100 } })
const connect = (topology: 'declare' | 'verify' | 'none'): Promise<Bus> =>
  createBus(redis({ host: server.host, port: server.port }), { source: '/test', topology })

describe('topology', () => {
  it('that is missing is named by verify, and nothing is made', async () => {
    await using bus = await connect('verify')
    const error = await refusal(() => bus.publish(orders, event(), { key: 'a' }))
    assert.equal(error.code, 'TOPOLOGY_MISSING')
    assert.match(error.message, /orders/)
    assert.equal(await server.admin.dbsize(), 0)
  })

  it('that was declared is the same for verify', async () => {
    await using maker = await connect('declare')
    await maker.subscribe(orders, { group: 'billing' }, () => {})
    await using bus = await connect('verify')
    await bus.subscribe(orders, { group: 'billing' }, () => {})
    assert.deepEqual(await bus.verifyTopology(), [])
  })

  it('with another declaration is incompatible: partitions and order cannot change', async () => {
    await using bus = await connect('declare')
    const other = topic('orders', { partitions: 8, ordered: true })
    const error = await refusal(() => bus.publish(other, event(), { key: 'a' }))
    assert.equal(error.code, 'TOPOLOGY_INCOMPATIBLE')
    assert.equal(error.issues?.[0]?.field ?? error.field, 'topics.orders.partitions')
    assert.match(error.message, /4.*8/)
  })

  it('that was changed by hand shows as drift, with what is there and what was wanted', async () => {
    await using bus = await connect('declare')
    await bus.subscribe(orders, { group: 'billing' }, () => {})
    await server.admin.hset('{orders}:state.qtopic', 'count', '5')
    await server.admin.hset('{orders}:state.qgroups', 'forgotten', 'begun')
    await server.admin.xgroup('CREATE', '{orders}', 'forgotten', '$')
    const drifts = await bus.verifyTopology()
    assert.deepEqual(
      drifts.map(({ kind, name }) => [kind, name]),
      [
        ['different', '{orders}'],
        ['orphan', '{orders}:forgotten:inbox'],
      ],
    )
    assert.equal(drifts[0]?.actual, 'retention.count 5')
    assert.equal(drifts[0]?.expected, 'retention.count 100')
    assert.match(drifts[1]?.remedy ?? '', /XGROUP DESTROY \{orders\} forgotten/)
    assert.equal(await server.admin.hget('{orders}:state.qtopic', 'count'), '5', 'verify changed it')
  })

  it('that an orphan is removed by the commands the remedy gives', async () => {
    await using bus = await connect('declare')
    await bus.subscribe(orders, { group: 'billing' }, () => {})
    const orphan = (await bus.verifyTopology()).find(({ kind }) => kind === 'orphan')
    const commands = /remove it: (.*)$/.exec(orphan?.remedy ?? '')?.[1]?.split(', ') ?? []
    assert.ok(commands.length > 0)
    for (const command of commands) {
      const [name = '', ...args] = command.split(' ')
      await server.admin.call(name, ...args)
    }
    assert.ok(!(await bus.verifyTopology()).some(({ kind }) => kind === 'orphan'))
  })

  it('of a group whose stream lost it is missing for verify, whatever our own records say', async () => {
    await using bus = await connect('declare')
    await bus.subscribe(orders, { group: 'billing' }, () => {})
    await bus.close()
    await server.admin.xgroup('DESTROY', '{orders}', 'billing')
    await using verifier = await connect('verify')
    const error = await refusal(() => verifier.subscribe(orders, { group: 'billing' }, () => {}))
    assert.equal(error.code, 'TOPOLOGY_MISSING')
    assert.deepEqual(await server.admin.xinfo('GROUPS', '{orders}'), [], 'the group was made')
    await using repairer = await connect('declare')
    await repairer.subscribe(orders, { group: 'billing' }, () => {})
    assert.deepEqual(await repairer.verifyTopology(), [])
  })

  it('of which a group was made by hand is an orphan, and keeps what nobody reads', async () => {
    await using bus = await connect('declare')
    await bus.subscribe(orders, { group: 'billing' }, () => {})
    await server.admin.xgroup('CREATE', '{orders}', 'by-hand', '$')
    const [drift] = await bus.verifyTopology()
    assert.equal(drift?.kind, 'orphan')
    assert.match(drift?.remedy ?? '', /XGROUP DESTROY \{orders\} by-hand/)
    await server.admin.xgroup('DESTROY', '{orders}', 'by-hand')
  })

  it('is not looked at by none, which uses what is there and makes nothing', async () => {
    await using maker = await connect('declare')
    await maker.subscribe('plain', { group: 'billing' }, () => {})
    await using bus = await connect('none')
    const seen = Promise.withResolvers<string>()
    await bus.subscribe('plain', { group: 'billing' }, ({ event: { id } }) => seen.resolve(id))
    await maker.close()
    await bus.publish('plain', event('none'))
    assert.equal(await seen.promise, 'none')
    const error = await refusal(() => bus.publish('absent', event()))
    assert.equal(error.code, 'TOPOLOGY_MISSING')
    assert.equal(await server.admin.exists('{absent}'), 0)
  })
})
