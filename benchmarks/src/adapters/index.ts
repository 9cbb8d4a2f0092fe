import { BusError } from '@busbar/core'
import type { Case } from '../measure.ts'
import type { Peer } from './peer.ts'
import { adapterScenario } from './scenario.ts'

/** The raw driver beside each adapter; loaded when asked for, so that one can be measured without the others. */
const RAW: Readonly<Record<string, (url: string) => Promise<Peer>>> = {
  rabbitmq: async url => (await import('./rabbitmq-peer.ts')).rabbitmqPeer(url),
  nats: async url => (await import('./nats-peer.ts')).natsPeer(url),
  redis: async url => (await import('./redis-peer.ts')).redisPeer(url),
}

export const ADAPTERS: readonly string[] = Object.keys(RAW)

/** @throws BusError INVALID_OPTIONS when the environment names no broker. */
export async function adapterCases(adapter: string): Promise<readonly Case[]> {
  const variable = `BUSBAR_${adapter.toUpperCase()}_URL`
  const url = process.env[variable]
  const raw = RAW[adapter]
  if (url === undefined || raw === undefined) {
    throw new BusError('INVALID_OPTIONS', `bench: ${variable}: is not set`, {
      field: variable,
      remedy: 'set it to a broker that nobody else uses',
    })
  }
  return adapterScenario(url, await raw(url))
}
