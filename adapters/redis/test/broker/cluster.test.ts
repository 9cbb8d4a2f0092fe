import assert from 'node:assert/strict'
import { type Bus, createBus, request, topic as topicOf } from '@busbar/core'
import { adapterFromUrl } from '@busbar/redis'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { z } from 'zod'
import { connect, event, refusal } from './attempts.ts'
import { type GroupOfServers, groupOfServers, until } from './group-of-servers.ts'

let servers: GroupOfServers
let cluster: { host: string; port: number }[]

beforeAll(async () => {
  servers = await groupOfServers(3, port =>
    [
      `mkdir -p /tmp/${port} && cd /tmp/${port} && redis-server --port ${port} --protected-mode no`,
      '--cluster-enabled yes --cluster-announce-ip 127.0.0.1 --cluster-node-timeout 2000 --save ""',
    ].join(' '),
  )
  cluster = servers.ports.map(port => ({ host: '127.0.0.1', port }))
  const nodes = servers.ports.map(port => `127.0.0.1:${port}`)
  const create = ['redis-cli', '--cluster', 'create', ...nodes, '--cluster-yes']
  await until(async () => (await servers.exec(create)).includes('All 16384 slots covered'), 'the cluster')
  for (const port of servers.ports) {
    const client = servers.client(port)
    const ok = async () => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')
    await until(ok, `node ${port} to agree`)
  }
}, 120_000)
afterAll(() => servers?.remove())

const deadIds = async (bus: Bus, topic: string): Promise<(string | undefined)[]> =>
  (await bus.deadLetters(topic, 'billing').list()).map(({ event }) => event?.id)

/** Enough that no node has none of them. */
const TOPICS = ['orders', 'invoices', 'shipments', 'refunds', 'carts', 'users']

describe('a cluster', () => {
  it('spreads topics over its nodes, each with retries, order, dead letters and redrives on one', async () => {
    await using bus = await connect({ cluster })
    const handled = new Map<string, number[]>()
    await Promise.all(
      TOPICS.map(topic =>
        bus.subscribe(
          topic,
          { group: 'billing', retry: { attempts: 2, backoff: { kind: 'fixed', delay: 10 } } },
          ({ event: { id }, attempt }) => {
            handled.set(`${topic} ${id}`, [...(handled.get(`${topic} ${id}`) ?? []), attempt])
            if (id === 'dead' || (id === 'retried' && attempt === 1)) throw new Error('a failure')
          },
        ),
      ),
    )
    for (const topic of TOPICS)
      for (const id of ['good', 'retried', 'dead']) await bus.publish(topic, event(id))
    await until(
      async () => TOPICS.every(topic => handled.get(`${topic} dead`)?.length === 2),
      'the dead to have been tried twice',
    )
    for (const topic of TOPICS) {
      assert.deepEqual(handled.get(`${topic} good`), [1])
      assert.deepEqual(handled.get(`${topic} retried`), [1, 2])
      await until(async () => (await deadIds(bus, topic)).join() === 'dead', `${topic}'s dead letter`)
    }
    const nodes = await Promise.all(servers.ports.map(port => servers.client(port).dbsize()))
    assert.ok(
      nodes.every(keys => keys > 0),
      `keys by node: ${nodes.join(', ')}`,
    )
  })

  it('follows a slot that moves to another node while it publishes', async () => {
    await using bus = await connect({ cluster })
    const seen = new Set<string>()
    await bus.subscribe('moving', { group: 'billing' }, ({ event: { id } }) => {
      seen.add(id)
    })
    await bus.publish('moving', event('before'))
    await until(async () => seen.has('before'), 'the first event')
    const ids = new Map<number, string>()
    for (const port of servers.ports)
      ids.set(port, String(await servers.client(port).call('CLUSTER', 'MYID')))
    const first = servers.client(cluster[0]?.port ?? 0)
    const slot = Number(await first.call('CLUSTER', 'KEYSLOT', '{moving}'))
    const owner = async () => {
      for (const port of servers.ports)
        if (String(await servers.client(port).call('CLUSTER', 'COUNTKEYSINSLOT', slot)) !== '0') return port
      return 0
    }
    const from = await owner()
    const to = servers.ports.find(port => port !== from) ?? 0
    await servers.client(to).call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids.get(from) ?? '')
    await servers.client(from).call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids.get(to) ?? '')
    const keys = (await servers.client(from).call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
    await servers.client(from).call('MIGRATE', '127.0.0.1', to, '', 0, 5_000, 'KEYS', ...keys)
    for (const port of [to, from])
      await servers.client(port).call('CLUSTER', 'SETSLOT', slot, 'NODE', ids.get(to) ?? '')
    await bus.publish('moving', event('after'), { timeout: 20_000 })
    await until(async () => seen.has('after'), 'the event after the move')
    assert.equal(await owner(), to)
  })

  it('answers requests', async () => {
    const Ask = request('com.example.ask', {
      topic: 'asked',
      input: z.object({}),
      output: z.object({ n: z.number() }),
    })
    await using responder = await connect({ cluster })
    await using caller = await connect({ cluster })
    await responder.respond(Ask, { group: 'answers' }, () => ({ n: 7 }))
    assert.deepEqual(await caller.request(Ask, {}), { n: 7 })
  })

  it('refuses an address that lies in another slot than the topic, before the server does', async () => {
    await using bus = await connect({ cluster })
    const elsewhere = topicOf('orders-elsewhere', { address: 'legacy-orders' })
    const error = await refusal(() => bus.publish(elsewhere, event()))
    assert.equal(error.code, 'INVALID_OPTIONS')
    assert.equal(error.field, 'address')
    const crossed = await servers
      .client(cluster[0]?.port ?? 0)
      .call('EVAL', 'return 1', 2, '{orders-elsewhere}:groups', 'legacy-orders')
      .catch(String)
    assert.match(String(crossed), /CROSSSLOT/)
  })

  it('is found by a URL that names one node that is down and one that is not', async () => {
    const url = `redis://127.0.0.1:1,127.0.0.1:${servers.ports[0]}?mode=cluster`
    await using bus = await createBus(adapterFromUrl(url), { source: '/test' })
    await bus.publish('orders', event('by URL'))
  })

  it('of which no node answers is refused in bounded time', async () => {
    const error = await refusal(() => connect({ cluster: [{ host: '127.0.0.1', port: 1 }] }))
    assert.equal(error.code, 'CONNECTION_FAILED')
    assert.equal(error.field, 'cluster')
  })
})
