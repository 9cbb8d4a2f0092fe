import type { Adapter } from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import { capabilitiesFor } from './capabilities.ts'
import { Connection } from './client/connection.ts'
import { MemoryBroker, serverOf } from './memory-broker.ts'
import { invalidOption, type MemoryBrokerOptions } from './options.ts'

/** Options of {@link memory}: a broker to share, or those of a private one. */
export type MemoryOptions = MemoryBrokerOptions | { readonly broker: MemoryBroker }

/**
 * The embedded broker as an adapter. Without `broker` it has one of its own, which lives as long as the adapter.
 * @throws BusError INVALID_OPTIONS
 */
export function memory(options: MemoryOptions = {}): Adapter {
  const server = serverOf('broker' in options ? sharedBroker(options) : new MemoryBroker(options))
  return {
    name: 'memory',
    capabilities: capabilitiesFor(server.options),
    async connect(context) {
      if (server.faults.accepts(context.clientName)) return new Connection(server, context)
      throw new BusError(
        'CONNECTION_FAILED',
        'the memory broker does not accept connections: it was cut off',
        {
          retryable: true,
          remedy: 'call broker.faults.heal()',
        },
      )
    },
  }
}

function sharedBroker({ broker, ...others }: { readonly broker: MemoryBroker }): MemoryBroker {
  if (!(broker instanceof MemoryBroker)) {
    throw invalidOption('broker', 'is not a MemoryBroker', 'pass one made by new MemoryBroker()')
  }
  const [other] = Object.keys(others)
  if (other === undefined) return broker
  throw invalidOption(other, 'cannot be set beside a broker that exists', 'pass it to new MemoryBroker()')
}
