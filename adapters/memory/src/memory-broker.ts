import type { Inspection } from './inspection.ts'
import { type MemoryBrokerOptions, resolveOptions } from './options.ts'
import type { FaultInjector } from './server/fault-injector.ts'
import { Server } from './server/server.ts'

const servers = new WeakMap<MemoryBroker, Server>()

/**
 * An embedded broker. Give it to several adapters, `memory({ broker })`, and their buses share it as several processes
 * share a broker on the network.
 */
export class MemoryBroker {
  /** Makes things go wrong on purpose. */
  readonly faults: FaultInjector

  /** @throws BusError INVALID_OPTIONS */
  constructor(options: MemoryBrokerOptions = {}) {
    const server = new Server(resolveOptions(options))
    servers.set(this, server)
    this.faults = server.faults
  }

  inspect(): Inspection {
    const server = serverOf(this)
    const namespaces = [...server.namespaces.values()]
    return {
      clients: [...server.links].map(link => link.name),
      bytes: server.budget.bytes,
      messages: server.budget.messages,
      topics: namespaces.flatMap(({ prefix, topics }) =>
        [...topics].map(([topic, { ordered, partitions, log, scheduled }]) => {
          return { prefix, topic, ordered, partitions, retained: log.count, scheduled }
        }),
      ),
      queues: namespaces.flatMap(({ prefix, queues }) =>
        queues.map(queue => {
          const { topic, group, kind, members, expired } = queue
          const { ready, inFlight, delayed, dead } = queue.stats()
          return {
            prefix,
            topic,
            group,
            kind,
            members: members.length,
            ready,
            inFlight,
            delayed,
            dead,
            expired,
          }
        }),
      ),
    }
  }
}

/** The inside of a broker, which is not part of its interface. */
export function serverOf(broker: MemoryBroker): Server {
  const server = servers.get(broker)
  if (server === undefined) throw new TypeError('not a MemoryBroker')
  return server
}
