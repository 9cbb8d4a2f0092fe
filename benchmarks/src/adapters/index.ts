import { BusError, createBus } from '@busbar/core'
import type { BrokerName } from '../../../conformance/src/brokers/index.ts'
import type { Case } from '../measure.ts'
import type { Peer } from './peer.ts'
import { adapterScenario } from './scenario.ts'

interface Contestant {
  readonly broker: BrokerName
  /** The adapter's default. */
  readonly mode: 'binary' | 'structured'
  /** The raw driver; loaded when asked for, so that one can be measured without the others. */
  readonly raw: (url: string) => Promise<Peer>
}

const CONTESTANTS: Readonly<Record<string, Contestant>> = {
  rabbitmq: {
    broker: 'rabbitmq',
    mode: 'binary',
    raw: async url => (await import('./rabbitmq-peer.ts')).rabbitmqPeer(url),
  },
  nats: {
    broker: 'nats',
    mode: 'binary',
    raw: async url => (await import('./nats-peer.ts')).natsPeer(url),
  },
  redis: {
    broker: 'redis',
    mode: 'structured',
    raw: async url => (await import('./redis-peer.ts')).redisPeer(url),
  },
}

export const ADAPTERS: readonly string[] = Object.keys(CONTESTANTS)

export interface AdapterBench {
  readonly cases: readonly Case[]
  /** The server's name and version. */
  readonly server: string
  readonly mode: string
}

/**
 * On the broker that `BUSBAR_<BROKER>_URL` names, or on the shared one in a container, which is started unless it runs.
 * @throws BusError CONNECTION_FAILED when there is neither.
 * @param report told what is being pulled, built and started.
 */
export async function adapterBench(adapter: string, report: (line: string) => void): Promise<AdapterBench> {
  const { broker, mode, raw } = CONTESTANTS[adapter] as Contestant
  const url = await brokerUrl(broker, report)
  await using bus = await createBus(url, { mode })
  return { cases: adapterScenario(url, mode, await raw(url)), server: bus.server, mode }
}

async function brokerUrl(broker: BrokerName, report: (line: string) => void): Promise<string> {
  // Loaded when asked for: the client of the container engine would be in the way of the other scenarios.
  const { BrokerSetupError, startBroker } = await import('../../../conformance/src/brokers/index.ts')
  try {
    return (await startBroker(broker, { report })).url
  } catch (cause) {
    if (!(cause instanceof BrokerSetupError)) throw cause
    throw new BusError('CONNECTION_FAILED', `bench: ${cause.message}`, { cause })
  }
}
