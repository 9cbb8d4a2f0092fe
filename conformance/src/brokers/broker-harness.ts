import type { Adapter } from '@busbar/core/adapter'
import { type CallFaults, callFaults } from '../harness/call-faults.ts'
import { type ClientProxies, clientProxies } from '../harness/client-proxies.ts'
import type { FaultId, Faults } from '../model/faults.ts'
import type { Environment, Harness } from '../model/harness.ts'
import type { RawClient } from '../model/raw-client.ts'
import { type BrokerName, recipe } from './catalogue.ts'
import { type SecuredServer, type SecuredVisitors, securedVisitors } from './secured-visitors.ts'
import { startBroker } from './start-broker.ts'
import type { StartedBroker } from './started-broker.ts'

/** What is the adapter's own in a harness for a broker in a container. */
export interface BrokerUnderTest {
  /** The adapter's name in reports. */
  readonly name: string
  /** The servers it can run on, the default first. */
  readonly servers: readonly [BrokerName, ...BrokerName[]]
  /** The same kind of server with TLS and logins. Started by the cases that need it. */
  readonly secured?: SecuredServer
  /** Once for each run, when the broker serves clients. */
  connect(broker: StartedBroker): Promise<BrokerConnection> | BrokerConnection
}

/** How cases reach one broker. Most of it is optional: what is absent, the harness does in a way that serves any broker. */
export interface BrokerConnection {
  /** The adapter for a client that reaches the broker at `url`, which is the way through the client's proxy. */
  adapter(url: URL, client: string): Adapter
  raw?(prefix: string): RawClient
  /** Ends one channel of the client and leaves its connections. Default: breaks all its connections for a moment. */
  killChannel?(client: string): Promise<void>
  /** Faults made by the broker or the driver, in place of those between core and the adapter. */
  readonly faults?: Partial<
    Pick<Faults, 'loseConfirms' | 'refusePublishes' | 'failSettlements' | 'failDeadLetters'>
  >
  cleanUp?(prefix: string): Promise<void>
  close?(): Promise<void>
}

const CONTAINED: readonly FaultId[] = [
  'cut',
  'heal',
  'kill-channel',
  'crash',
  'lose-confirm',
  'refuse-publish',
  'fail-settlement',
  'stall',
]

/**
 * A harness for a broker in a container of its own, started for the run and removed after it, or for the one that
 * `BUSBAR_<BROKER>_URL` names, which is never restarted. Each client has a TCP proxy of its own, so its link can be cut or stalled.
 */
export function brokerHarness(subject: BrokerUnderTest): Harness {
  return {
    name: subject.name,
    servers: subject.servers,
    async open({ server } = {}) {
      const name = subject.servers.find(known => known === server) ?? subject.servers[0]
      const broker = await startBroker(name, {
        instance: `suite-${process.pid}`,
        report: line => console.error(line),
      })
      try {
        const target = new URL(broker.url)
        if (target.port === '') target.port = String(recipe(name).port)
        const visitors = subject.secured && securedVisitors(name, subject.secured, Number(target.port))
        return environmentOf(broker, target, await subject.connect(broker), visitors)
      } catch (error) {
        if (broker.controllable) await broker.remove()
        throw error
      }
    },
  }
}

function environmentOf(
  broker: StartedBroker,
  target: URL,
  connection: BrokerConnection,
  visitors: SecuredVisitors | undefined,
): Environment {
  const proxies = clientProxies(target.hostname, Number(target.port))
  const calls = callFaults()
  const proxied = async (client: string) => {
    const url = new URL(target)
    url.hostname = '127.0.0.1'
    url.port = String(await proxies.portOf(client))
    return url
  }
  return {
    faults: faultsOf(broker, connection, proxies, calls),
    ...(connection.raw === undefined ? {} : { raw: (prefix: string) => raw(connection, prefix) }),
    ...(visitors === undefined ? {} : { visitors }),
    adapter({ client }) {
      const { name, capabilities } = connection.adapter(target, client)
      return {
        name,
        capabilities,
        // The proxy's port is known a moment later, and an adapter is made at once.
        connect: async context =>
          calls.attach(connection.adapter(await proxied(client), client), client).connect(context),
      }
    },
    async cleanUp(prefix) {
      await proxies.close(client => client.startsWith(`${prefix}-`))
      await connection.cleanUp?.(prefix)
    },
    async close() {
      await proxies.close()
      await connection.close?.()
      await visitors?.close()
      if (broker.controllable) await broker.remove()
    },
  }
}

function raw(connection: BrokerConnection, prefix: string): RawClient {
  if (connection.raw === undefined) throw new Error('this harness has no raw client')
  return connection.raw(prefix)
}

function faultsOf(
  broker: StartedBroker,
  { faults: own = {}, killChannel }: BrokerConnection,
  proxies: ClientProxies,
  calls: CallFaults,
): Faults {
  const available = new Set<FaultId>([...CONTAINED, 'fail-dead-letter'])
  if (broker.controllable) available.add('restart-broker')
  const named = (client: string | undefined) => {
    if (client === undefined) throw new Error('a broker is shared by cases: name the client to harm')
    return client
  }
  return {
    available,
    contained: new Set(CONTAINED),
    cut: async client => proxies.cut(named(client)),
    // After a case that ran alone the runner heals everybody: each case's proxies go with the case.
    heal: async client => (client === undefined ? undefined : proxies.heal(client)),
    restartBroker: () => broker.restart(),
    async killChannel(client) {
      if (killChannel !== undefined) return killChannel(client)
      await proxies.cut(client)
      await proxies.heal(client)
    },
    crash: client => proxies.crash(client),
    loseConfirms: own.loseConfirms ?? (async (client, count) => calls.loseConfirms(client, count)),
    refusePublishes: own.refusePublishes ?? (async (client, count) => calls.refusePublishes(client, count)),
    failSettlements: own.failSettlements ?? (async (client, count) => calls.failSettlements(client, count)),
    failDeadLetters: own.failDeadLetters ?? (async count => calls.failDeadLetters(count)),
    stall: client => proxies.stall(client),
    worker: () => Promise.reject(new Error('this harness starts no processes')),
  }
}
