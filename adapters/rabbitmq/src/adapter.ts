import type { Adapter } from '@busbar/core/adapter'
import { RabbitmqBroker } from './broker.ts'
import { capabilitiesFor } from './capabilities.ts'
import { type RabbitmqOptions, resolveOptions } from './config/options.ts'

/**
 * RabbitMQ as an adapter.
 * @throws BusError INVALID_OPTIONS
 */
export function rabbitmq(options: RabbitmqOptions = {}): Adapter {
  const resolved = resolveOptions(options)
  return {
    name: 'rabbitmq',
    capabilities: capabilitiesFor(resolved),
    connect: context => RabbitmqBroker.connect(resolved, context),
  }
}
