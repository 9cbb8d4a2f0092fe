import type { Environment, FaultId, Faults, Harness } from '@busbar/conformance'
import type { Adapter, AdapterContext, Broker, Subscription } from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import { startProxy, type TcpProxy } from '../../../conformance/src/harness/tcp-proxy.ts'
import { nats } from '../src/index.ts'
import { rawClient } from './raw-client.ts'
import { ownServer } from './server.ts'

/**
 * NATS for the conformance suite: the server at `BUSBAR_NATS_URL`, or one of our own from `BUSBAR_NATS_SERVER` (the path
 * of a nats-server), which can then be restarted. Each client has a proxy of its own, to be cut or stalled.
 */
const harness: Harness = {
  name: 'nats',
  async open(): Promise<Environment> {
    const binary = process.env.BUSBAR_NATS_SERVER
    const server = binary === undefined ? undefined : await ownServer(binary)
    const target = new URL(server?.url ?? process.env.BUSBAR_NATS_URL ?? 'nats://127.0.0.1:4222')
    const host = target.hostname
    const port = Number(target.port || 4222)
    const clients = new Map<string, Client[]>()
    let allCut = false
    const all = (name?: string) =>
      name === undefined ? [...clients.values()].flat() : (clients.get(name) ?? [])

    const available = new Set<FaultId>([
      'cut',
      'heal',
      'crash',
      'stall',
      'lose-confirm',
      'refuse-publish',
      'fail-settlement',
      'fail-dead-letter',
      'kill-channel',
    ])
    if (server !== undefined) available.add('restart-broker')
    const faults: Faults = {
      available,
      async cut(name) {
        if (name === undefined) allCut = true
        for (const client of all(name)) (await client.ready()).cut()
      },
      async heal(name) {
        if (name === undefined) allCut = false
        for (const client of all(name)) {
          client.proxy?.heal()
          client.proxy?.resume()
        }
      },
      async restartBroker() {
        await server?.restart()
      },
      // A connection of NATS has no channels: the nearest is the connection itself, which comes back at once.
      async killChannel(name) {
        for (const client of all(name)) {
          client.proxy?.cut()
          client.proxy?.heal()
        }
      },
      async crash(name) {
        for (const client of all(name)) client.crash()
      },
      async loseConfirms(name, count) {
        for (const client of all(name)) client.lostConfirms = count
      },
      async refusePublishes(name, count) {
        for (const client of all(name)) client.refusals = count
      },
      async failSettlements(name, count) {
        for (const client of all(name)) client.failedSettlements = count
      },
      async failDeadLetters(count) {
        for (const client of all()) client.failedDeadLetters = count
      },
      async stall(name) {
        for (const client of all(name)) client.proxy?.stall()
      },
      worker: () => Promise.reject(new Error('this harness starts no processes')),
    }
    return {
      faults,
      raw: prefix => rawClient(`${host}:${port}`, prefix),
      adapter: ({ client: name }) => {
        const client = new Client(host, port)
        if (allCut) void client.ready().then(proxy => proxy.cut())
        clients.set(name, [...(clients.get(name) ?? []), client])
        return client
      },
      async close() {
        await Promise.all(all().map(client => client.proxy?.close()))
        await server?.close()
      },
    }
  },
}

export default harness

/** One process's adapter behind its own proxy, with faults where a network has them. */
class Client implements Adapter {
  readonly name = 'nats'
  readonly capabilities = nats().capabilities
  proxy: TcpProxy | undefined
  readonly #starting: Promise<TcpProxy>
  lostConfirms = 0
  refusals = 0
  failedSettlements = 0
  failedDeadLetters = 0
  #crashed = false

  constructor(host: string, port: number) {
    this.#starting = startProxy(host, port).then(proxy => {
      this.proxy = proxy
      return proxy
    })
  }

  ready(): Promise<TcpProxy> {
    return this.#starting
  }

  crash(): void {
    this.#crashed = true
    this.proxy?.cut()
  }

  async connect(context: AdapterContext): Promise<Broker> {
    const proxy = await this.#starting
    const adapter = nats({
      servers: `127.0.0.1:${proxy.port}`,
      reconnectDelay: 50,
      pingInterval: 1_000,
      operationTimeout: 3_000,
      ackWait: 2_000,
    })
    const broker = await adapter.connect({
      ...context,
      onState: (state, cause) => {
        if (!this.#crashed) context.onState(state, cause)
      },
    })
    const own: Partial<Broker> = {
      publish: async batch => {
        if (this.refusals > 0) {
          this.refusals -= batch.length
          const error = new BusError('BROKER_REJECTED', 'a fault was injected', { retryable: true })
          return batch.map(() => ({ status: 'failed', error }))
        }
        const results = await broker.publish(batch)
        return results.map(result => {
          if (this.lostConfirms <= 0 || result.status !== 'confirmed') return result
          this.lostConfirms--
          return { status: 'unknown', cause: new Error('a fault was injected') }
        })
      },
      subscribe: (spec, sink) =>
        broker.subscribe(spec, subscription => {
          const inner = sink(this.#faulty(subscription, () => inner))
          return new Proxy(inner, {
            get: (target, name) => {
              const value = Reflect.get(target, name)
              if (typeof value !== 'function') return value
              return (...args: unknown[]) => (this.#crashed ? Promise.resolve() : value.apply(target, args))
            },
          })
        }),
      close: async options => {
        await broker.close(options)
        await proxy.close()
      },
    }
    return new Proxy(broker, {
      get: (target, name) => {
        const value = Reflect.get(own, name) ?? Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  #faulty(subscription: Subscription, sink: () => { settled: (...args: never[]) => void }): Subscription {
    const report = sink as () => { settled(batch: readonly unknown[], result: unknown): void }
    return new Proxy(subscription, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target)
        if (name !== 'settle') return typeof value === 'function' ? value.bind(target) : value
        return (batch: readonly { kind: string }[]) => {
          const error = new BusError('SETTLEMENT_FAILED', 'a fault was injected', { retryable: true })
          const fails = batch.filter(({ kind }) => {
            if (this.failedSettlements > 0) {
              this.failedSettlements--
              return true
            }
            if (kind !== 'dead' || this.failedDeadLetters <= 0) return false
            this.failedDeadLetters--
            return true
          })
          const rest = batch.filter(settlement => !fails.includes(settlement))
          if (fails.length > 0) {
            queueMicrotask(() =>
              report().settled(fails, { status: 'failed', error, retryable: true, copy: 'none' }),
            )
          }
          if (rest.length > 0) (value as (b: unknown) => void).call(target, rest)
        }
      },
    })
  }
}
