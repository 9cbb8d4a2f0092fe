import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Environment, Faults, Harness } from '@busbar/conformance'
import { type ChannelModel, connect } from 'amqplib'
import { startProxy, type TcpProxy } from '../../../conformance/src/harness/tcp-proxy.ts'
import { rabbitmq } from '../src/index.ts'
import { DriverFaults } from './driver-faults.ts'
import { rawClient } from './raw-client.ts'

const run = promisify(execFile)

const url = new URL(process.env.BUSBAR_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672')
/** The container to restart; without it no case may do so. */
const container = process.env.BUSBAR_RABBITMQ_CONTAINER

/** A proxy for each client, at a port that stays, made before the client connects. */
class Clients {
  readonly #ports = new Map<string, Promise<TcpProxy>>()
  readonly #crashed = new Set<string>()
  #allCut = false

  of(client: string): Promise<TcpProxy> {
    let proxy = this.#ports.get(client)
    if (proxy === undefined) {
      proxy = startProxy(url.hostname, Number(url.port || 5672)).then(started => {
        if (this.#allCut) started.cut()
        return started
      })
      this.#ports.set(client, proxy)
    }
    return proxy
  }

  async cut(client: string | undefined): Promise<void> {
    this.#allCut ||= client === undefined
    await this.#each(client, proxy => proxy.cut())
  }

  async heal(client: string | undefined): Promise<void> {
    if (client === undefined) this.#allCut = false
    await this.#each(client, proxy => {
      proxy.resume()
      proxy.heal()
    })
  }

  /** Nothing of it reaches the broker any more, and it never comes back. */
  async crash(client: string): Promise<void> {
    const proxy = await this.of(client)
    this.#crashed.add(client)
    proxy.cut()
  }

  async stall(client: string): Promise<void> {
    const proxy = await this.of(client)
    proxy.stall()
  }

  async #each(client: string | undefined, treat: (proxy: TcpProxy) => void): Promise<void> {
    const names = client === undefined ? [...this.#ports.keys()] : [client]
    for (const name of names) if (!this.#crashed.has(name)) treat(await this.of(name))
  }

  async close(): Promise<void> {
    for (const proxy of await Promise.all(this.#ports.values())) await proxy.close()
  }
}

async function environment(): Promise<Environment> {
  const clients = new Clients()
  /** Brokers that are connected, by prefix. */
  const open = new Map<string, number>()
  const count = (prefix: string, by: number) => open.set(prefix, (open.get(prefix) ?? 0) + by)
  async function removeQueues(which: (queue: string) => boolean): Promise<void> {
    const connection = await connect(url.href)
    const channel = await connection.createChannel()
    for (const queue of [...driver.queues].filter(which)) {
      await channel.deleteQueue(queue)
      driver.queues.delete(queue)
    }
    await connection.close()
  }
  const holds = new Map<string, Promise<unknown>>()
  let plain: Promise<ChannelModel> | undefined
  const driver = new DriverFaults(async client => (await clients.of(client)).port)
  const faults: Faults = {
    available: new Set([
      'cut',
      'heal',
      'kill-channel',
      'crash',
      'lose-confirm',
      'refuse-publish',
      'fail-dead-letter',
      'fail-settlement',
      'stall',
      ...(container === undefined ? [] : (['restart-broker'] as const)),
    ]),
    cut: client => clients.cut(client),
    heal: client => clients.heal(client),
    async restartBroker() {
      // A broker with a thousand queues of cases that are over takes half a minute to start.
      await removeQueues(
        queue => ![...open.keys()].some(prefix => open.get(prefix) !== 0 && queue.startsWith(prefix)),
      )
      await run('docker', ['restart', '-t', '10', container ?? ''])
      // The container runs long before the broker does.
      for (;;) {
        try {
          const connection = await connect(url.href)
          await connection.close()
          return
        } catch {
          await new Promise(resolve => setTimeout(resolve, 250))
        }
      }
    },
    killChannel: client => driver.killChannels(client),
    crash: client => clients.crash(client),
    loseConfirms: (client, count) => driver.loseConfirms(client, count),
    refusePublishes: (client, count) => driver.refusePublishes(client, count),
    failSettlements: (client, count) => driver.refusePublishes(client, count),
    failDeadLetters: async count => driver.refuseDeadLetters(count),
    stall: client => clients.stall(client),
    worker: () => Promise.reject(new Error('not there yet')),
  }
  return {
    faults,
    raw(prefix) {
      return rawClient(
        async () => {
          plain ??= connect(url.href).then(connection => {
            connection.on('error', () => {})
            connection.on('close', () => {
              plain = undefined
            })
            return connection
          })
          return plain
        },
        prefix,
        ready => holds.set(prefix, ready),
      )
    },
    adapter: ({ client }) => {
      const name = 'rabbitmq'
      return {
        name,
        capabilities: rabbitmq({ url: url.href }).capabilities,
        async connect(context) {
          const proxied = new URL(url)
          proxied.hostname = '127.0.0.1'
          proxied.port = String((await clients.of(client)).port)
          const broker = await rabbitmq({ url: proxied.href, operationTimeout: 3_000 }).connect(context)
          count(context.prefix, 1)
          const publish = broker.publish.bind(broker)
          const close = broker.close.bind(broker)
          return Object.assign(broker, {
            async publish(batch: Parameters<typeof publish>[0]) {
              const held = holds.get(context.prefix)
              if (held !== undefined) await held
              return publish(batch)
            },
            close(options: Parameters<typeof close>[0]) {
              count(context.prefix, -1)
              return close(options)
            },
          })
        },
      }
    },
    async close() {
      driver.uninstall()
      await removeQueues(() => true)
      await clients.close()
      await plain?.then(connection => connection.close())
    },
  }
}

const harness: Harness = { name: 'rabbitmq', open: environment }
export default harness
