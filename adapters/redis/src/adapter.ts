import type { Adapter } from '@busbar/core/adapter'
import { connectBroker } from './broker/connect.ts'
import { capabilitiesFor } from './capabilities.ts'
import { type RedisOptions, resolveOptions } from './options.ts'

/**
 * Redis Streams (Redis 6.2 and later, Valkey) as an adapter.
 * @throws BusError INVALID_OPTIONS
 */
export function redis(options: RedisOptions = {}): Adapter {
  const resolved = resolveOptions(options)
  return {
    name: 'redis',
    capabilities: capabilitiesFor(resolved),
    connect: context => connectBroker(resolved, context),
  }
}
