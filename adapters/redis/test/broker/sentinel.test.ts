import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { connect, event, refusal } from './attempts.ts'
import { type GroupOfServers, groupOfServers, until } from './group-of-servers.ts'

let servers: GroupOfServers
let nodes: { host: string; port: number }[]
let master: number
let replica: number

beforeAll(async () => {
  servers = await groupOfServers(3, (port, [first, second]) => {
    const announced = 'announce-ip 127.0.0.1'
    if (port === first)
      return `redis-server --port ${port} --protected-mode no --save "" --replica-${announced}`
    if (port === second)
      return `redis-server --port ${port} --protected-mode no --save "" --replica-${announced} --replicaof 127.0.0.1 ${first}`
    const config = [
      `port ${port}`,
      'protected-mode no',
      `sentinel ${announced}`,
      `sentinel monitor mymaster 127.0.0.1 ${first} 1`,
      'sentinel down-after-milliseconds mymaster 1000',
      'sentinel failover-timeout mymaster 5000',
    ].join('\\n')
    return `printf '${config}\\n' > /tmp/sentinel.conf && redis-server /tmp/sentinel.conf --sentinel`
  })
  ;[master = 0, replica = 0] = servers.ports
  nodes = [{ host: '127.0.0.1', port: servers.ports[2] ?? 0 }]
  const sentinel = servers.client(nodes[0]?.port ?? 0)
  const known = async () =>
    ((await sentinel.call('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[]).length === 1
  await until(known, 'the sentinel to know the replica')
  const inStep = async () =>
    (await servers.client(replica).info('replication')).includes('master_link_status:up')
  await until(inStep, 'the replica to be in step')
}, 120_000)
afterAll(() => servers?.remove())

describe('sentinels', () => {
  it('that do not know the name are told by it', async () => {
    const error = await refusal(() => connect({ sentinel: { name: 'no-such-master', nodes } }))
    assert.equal(error.code, 'CONNECTION_FAILED')
    assert.equal(error.field, 'sentinel')
  })

  it('lead to the new master when the old one has gone; what was confirmed by it is there', async () => {
    await using bus = await connect({ sentinel: { name: 'mymaster', nodes }, replicas: 1 })
    const seen = new Set<string>()
    await bus.subscribe('orders', { group: 'billing' }, ({ event: { id } }) => {
      seen.add(id)
    })
    await bus.publish('orders', event('before'))
    await until(async () => seen.has('before'), 'the first event')
    const stillThere = await connect({ sentinel: { name: 'mymaster', nodes } })
    // The signal of an operator: a SHUTDOWN by a client would be sent again by it on a new connection.
    await servers.exec(['redis-cli', '-p', String(master), 'shutdown', 'nosave'])
    await stillThere.publish('orders', event('after'), { timeout: 30_000 })
    await until(async () => seen.has('after'), 'the event after the failover')
    assert.match(await servers.client(replica).info('replication'), /role:master/)
    assert.equal(await servers.client(replica).xlen('{orders}'), 2)
    await stillThere.close()
  })
})
