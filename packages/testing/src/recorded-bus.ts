import type { BatchHandler, Bus, EventStream, ManualSettlement, Target, TypedDelivery } from '@busbar/core'
import { overriding } from './overriding.ts'

type Manual = TypedDelivery & ManualSettlement
type OnHandled = (delivery: TypedDelivery) => void

/**
 * A bus that reports what batch handlers and readers of streams have handled. Middleware, which sees the handlers of
 * `subscribe`, wraps one event and one call, and so cannot see these.
 */
export function recordedBus(bus: Bus, onHandled: OnHandled): Bus {
  const subscribeBatch = (
    target: Target,
    options: Parameters<Bus['subscribeBatch']>[1],
    handler: BatchHandler<Target>,
  ) => bus.subscribeBatch(target, options, recordedHandler(handler, onHandled))
  const stream = (...args: Parameters<Bus['stream']>) =>
    recordedStream(bus.stream(...args) as unknown as EventStream<Manual | readonly Manual[]>, onHandled)
  return overriding(bus, { subscribeBatch, stream } as unknown as Partial<Bus>)
}

function recordedHandler(handler: BatchHandler<Target>, onHandled: OnHandled): BatchHandler<Target> {
  // What is not a function is refused by the bus, with its own words.
  if (typeof handler !== 'function') return handler
  return async deliveries => {
    const outcomes = await handler(deliveries)
    for (const [i, delivery] of deliveries.entries()) {
      if (outcomes === undefined || outcomes[i] === 'ack') onHandled(delivery)
    }
    return outcomes
  }
}

function recordedStream(stream: EventStream<Manual | readonly Manual[]>, onHandled: OnHandled) {
  async function* iterate() {
    for await (const item of stream) {
      yield Array.isArray(item)
        ? item.map(delivery => recordedDelivery(delivery, onHandled))
        : recordedDelivery(item as Manual, onHandled)
    }
  }
  return overriding(stream, { [Symbol.asyncIterator]: iterate })
}

/** The first settlement counts, as it does for the engine. */
function recordedDelivery(delivery: Manual, onHandled: OnHandled): Manual {
  let settled = false
  const settling =
    <A extends unknown[]>(settle: (...args: A) => Promise<void>, handled: boolean) =>
    async (...args: A) => {
      const first = !settled
      settled = true
      await settle.apply(delivery, args)
      if (first && handled) onHandled(delivery)
    }
  return overriding(delivery, {
    ack: settling(delivery.ack, true),
    retry: settling(delivery.retry, false),
    deadLetter: settling(delivery.deadLetter, false),
    release: settling(delivery.release, false),
  })
}
