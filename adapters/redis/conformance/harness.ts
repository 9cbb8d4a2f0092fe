import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import { redis } from '@busbar/redis'
import { Redis } from 'ioredis'
import { startProxy, type TcpProxy } from '../../../conformance/src/harness/tcp-proxy.ts'
import type { FaultId, Faults } from '../../../conformance/src/model/faults.ts'
import type { Harness } from '../../../conformance/src/model/harness.ts'
import { alterPublish } from '../../../conformance/src/wrap/broker.ts'
import { rawClient } from './raw.ts'

/** A server of our own, which can be restarted; `BUSBAR_REDIS_SERVER` names another binary (valkey-server). */
async function ownServer() {
  const dir = await mkdtemp(join(tmpdir(), 'busbar-redis-'))
  const port = await freePort()
  let child: ChildProcess
  const start = async () => {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes']
    child = spawn(
      process.env.BUSBAR_REDIS_SERVER ?? 'redis-server',
      [...settings, '--appendfsync', 'always', '--save', ''],
      {
        stdio: 'ignore',
      },
    )
    await reachable(port)
  }
  const stop = async () => {
    if (child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }
  await start()
  return {
    host: '127.0.0.1',
    port,
    async restart() {
      await stop()
      await start()
    },
    async close() {
      await stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

async function reachable(port: number): Promise<void> {
  for (;;) {
    const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.ping()
      return
    } catch {
      await new Promise(resolve => setTimeout(resolve, 20))
    } finally {
      client.disconnect()
    }
  }
}

type Publish = (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]>

/** The publish's way to the server and back: refused before it, or its answer lost after it, so many times. */
async function unreliable(
  faults: { lose: number; refuse: number },
  publish: Publish,
  batch: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
  const refused = Math.min(faults.refuse, batch.length)
  if (refused > 0) {
    faults.refuse -= refused
    const error = new BusError('BROKER_REJECTED', 'refused: a fault was injected', { retryable: true })
    return batch.map(() => ({ status: 'failed', error }))
  }
  const results = await publish(batch)
  return results.map(result =>
    result.status === 'confirmed' && faults.lose > 0 && faults.lose-- > 0
      ? { status: 'unknown', cause: new Error('the confirmation was lost: a fault was injected') }
      : result,
  )
}

const cut = (proxy: TcpProxy): void => proxy.cut()

const harness: Harness = {
  name: 'redis',
  async open() {
    const url = process.env.BUSBAR_REDIS_URL
    const own = url === undefined ? await ownServer() : undefined
    const host = own?.host ?? new URL(url as string).hostname
    const port = own?.port ?? Number(new URL(url as string).port || 6379)
    const proxies = new Map<string, Promise<TcpProxy>>()
    const admin = new Redis({ host, port })
    admin.on('error', () => {})
    const lossyClients = new Map<string, { lose: number; refuse: number }>()
    const lossy = (client: string) => {
      let faults = lossyClients.get(client)
      if (faults === undefined) {
        faults = { lose: 0, refuse: 0 }
        lossyClients.set(client, faults)
      }
      return faults
    }
    const raws: { close(): void }[] = []
    /** A cut of all clients is also one of those that come later. */
    let allCut = false

    /** `connect` is asynchronous and a proxy needs a port, so each client's is made on its first use. */
    const proxyOf = (client: string) => {
      let proxy = proxies.get(client)
      if (proxy === undefined) {
        proxy = startProxy(host, port).then(started => {
          if (allCut) started.cut()
          return started
        })
        proxies.set(client, proxy)
      }
      return proxy
    }
    const each = async (client: string | undefined, harm: (proxy: TcpProxy) => void) => {
      if (client === undefined) allCut = harm === cut
      const all = client === undefined ? [...proxies.values()] : [proxyOf(client)]
      for (const proxy of await Promise.all(all)) harm(proxy)
    }

    const available: FaultId[] = [
      'cut',
      'heal',
      'crash',
      'stall',
      'kill-channel',
      'lose-confirm',
      'refuse-publish',
    ]
    if (own !== undefined) available.push('restart-broker')
    const lacking = (what: string) => () => Promise.reject(new Error(`this harness cannot ${what}`))
    const faults: Faults = {
      available: new Set(available),
      cut: client => each(client, cut),
      heal: client =>
        each(client, proxy => {
          proxy.resume()
          proxy.heal()
        }),
      restartBroker: async () => own?.restart(),
      async killChannel(client) {
        // The connection that a subscription blocks on; the shared one stays.
        const list = String(await admin.call('CLIENT', 'LIST'))
        for (const line of list.split('\n')) {
          const [, id] = /^id=(\d+)/.exec(line) ?? []
          const name = /\bname=(\S*)/.exec(line)?.[1] ?? ''
          if (
            id !== undefined &&
            name.includes(client) &&
            !name.endsWith(':shared') &&
            !name.endsWith(':replies')
          )
            await admin.call('CLIENT', 'KILL', 'ID', id)
        }
      },
      // Never healed: nothing of the client reaches the server any more.
      crash: client => each(client, proxy => proxy.cut()),
      async loseConfirms(client, count) {
        lossy(client).lose = count
      },
      async refusePublishes(client, count) {
        lossy(client).refuse = count
      },
      failSettlements: lacking('fail settlements'),
      failDeadLetters: lacking('fail dead letters'),
      stall: client => each(client, proxy => proxy.stall()),
      worker: lacking('start workers'),
    }
    return {
      faults,
      raw: prefix => {
        const client = rawClient(prefix, { host, port })
        raws.push(client)
        return client
      },
      adapter: ({ client }) => {
        const plain = redis({ host, port })
        return {
          ...plain,
          async connect(context) {
            const proxy = await proxyOf(client)
            const adapter = redis({ host: '127.0.0.1', port: proxy.port, operationTimeout: 5_000 })
            return alterPublish(
              adapter,
              publish => batch => unreliable(lossy(client), publish, batch),
            ).connect(context)
          },
        }
      },
      async close() {
        for (const raw of raws) raw.close()
        admin.disconnect()
        for (const proxy of await Promise.all(proxies.values())) await proxy.close()
        await own?.close()
      },
    }
  },
}
export default harness
