import type { Adapter, Broker, Settlement, Sink, SubscriptionSpec } from '@busbar/core/adapter'
import { overriding } from './overriding.ts'

/**
 * An adapter that does what `adapter` does, and reports each settlement of a group once the broker has taken it over.
 * Handlers, batch handlers and streams all settle here, so nothing is missed.
 */
export function watched(
  adapter: Adapter,
  onSettled: (group: string, settlement: Settlement) => void,
): Adapter {
  return {
    name: adapter.name,
    capabilities: adapter.capabilities,
    async connect(context) {
      const broker = await adapter.connect(context)
      const subscribe: Broker['subscribe'] = (spec, makeSink) =>
        broker.subscribe(spec, subscription => watchedSink(makeSink(subscription), spec, onSettled))
      return overriding(broker, { subscribe })
    },
  }
}

function watchedSink(
  sink: Sink,
  { group }: SubscriptionSpec,
  onSettled: (group: string, settlement: Settlement) => void,
): Sink {
  if (group === undefined) return sink
  return {
    deliver: batch => sink.deliver(batch),
    settled(batch, result) {
      if (result.status === 'done') for (const settlement of batch) onSettled(group, settlement)
      sink.settled(batch, result)
    },
    revoking: (lanes, options) => sink.revoking(lanes, options),
    lost: what => sink.lost(what),
    state: (state, cause) => sink.state(state, cause),
  }
}
