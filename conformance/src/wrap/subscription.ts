import type {
  Adapter,
  AdapterContext,
  Broker,
  Delivery,
  Settlement,
  SettlementResult,
  Sink,
  Subscription,
  SubscriptionSpec,
} from '@busbar/core/adapter'
import { alterBroker } from './broker.ts'
import { overlay } from './overlay.ts'

/** What a change works with: both sides of one subscription, as they are without it. */
export interface Sides {
  readonly spec: SubscriptionSpec
  readonly context: AdapterContext
  readonly broker: Broker
  /** The adapter's side. Not before the first call in either direction. */
  readonly subscription: Subscription
  /** Core's side. Not before the first call in either direction. */
  readonly sink: Sink
  /** Delivered to core and not yet settled by it, oldest first. */
  readonly unsettled: ReadonlySet<Delivery>
}

/** Members of either side to replace, and what is changed of the subscription's terms and its deliveries. */
export interface SubscriptionChange {
  readonly spec?: SubscriptionSpec
  /** A delivery as core sees it. */
  readonly delivery?: (delivery: Delivery) => Delivery
  readonly subscription?: Partial<Subscription>
  readonly sink?: Partial<Sink>
}

/** Stands between core and every subscription. `change` is called once for each, before it begins. */
export function alterSubscriptions(
  adapter: Adapter,
  change: (sides: Sides) => SubscriptionChange | undefined,
): Adapter {
  return alterBroker(adapter, (broker, context) => ({
    async subscribe(spec, toSink) {
      const unsettled = new Set<Delivery>()
      const ends: { subscription?: Subscription; sink?: Sink; altered?: Subscription } = {}
      const sides: Sides = {
        spec,
        context,
        broker,
        unsettled,
        get subscription() {
          return ends.subscription as Subscription
        },
        get sink() {
          return ends.sink as Sink
        },
      }
      const changed = change(sides)
      if (changed === undefined) return broker.subscribe(spec, toSink)
      const translated = changed.delivery && translation(changed.delivery)
      const subscribed = await broker.subscribe(changed.spec ?? spec, subscription => {
        const inner = tracked(translated?.subscription(subscription) ?? subscription, unsettled)
        ends.subscription = inner
        ends.altered = overlay(inner, changed.subscription ?? {})
        const sink = toSink(ends.altered)
        ends.sink = overlay(sink, {
          deliver(batch) {
            for (const delivery of batch) unsettled.add(delivery)
            sink.deliver(batch)
          },
        })
        const altered = overlay(ends.sink, changed.sink ?? {})
        return translated?.sink(altered) ?? altered
      })
      return ends.altered ?? subscribed
    },
  }))
}

function tracked(subscription: Subscription, unsettled: Set<Delivery>): Subscription {
  return overlay(subscription, {
    settle(batch) {
      for (const settlement of batch) unsettled.delete(settlement.delivery)
      subscription.settle(batch)
    },
  })
}

/** Core settles with the objects it was given, and the adapter wants its own back. */
function translation(change: (delivery: Delivery) => Delivery) {
  const shown = new WeakMap<Delivery, Delivery>()
  const own = new WeakMap<Delivery, Delivery>()
  const settlements = new WeakMap<Settlement, Settlement>()
  const toShown = (delivery: Delivery) => shown.get(delivery) ?? delivery
  const toOwn = (delivery: Delivery) => own.get(delivery) ?? delivery
  return {
    subscription: (subscription: Subscription): Subscription =>
      overlay(subscription, {
        settle(batch) {
          const translated = batch.map(settlement => {
            const inner = { ...settlement, delivery: toOwn(settlement.delivery) }
            settlements.set(inner, settlement)
            return inner
          })
          subscription.settle(translated)
        },
        mark: deliveries => subscription.mark(deliveries.map(toOwn)),
        extend: async (deliveries, lease) =>
          (await subscription.extend(deliveries.map(toOwn), lease)).map(toShown),
      }),
    sink: (sink: Sink): Sink =>
      overlay(sink, {
        deliver(batch) {
          const translated = batch.map(delivery => {
            const outer = change(delivery)
            shown.set(delivery, outer)
            own.set(outer, delivery)
            return outer
          })
          sink.deliver(translated)
        },
        settled: (batch, result) =>
          sink.settled(
            batch.map(item => settlements.get(item) ?? item),
            result,
          ),
        lost: what =>
          sink.lost(
            what !== 'all' && 'deliveries' in what ? { deliveries: what.deliveries.map(toShown) } : what,
          ),
      }),
  }
}

/** Changes each delivery as core sees it. */
export function alterDeliveries(
  adapter: Adapter,
  change: (delivery: Delivery, spec: SubscriptionSpec) => Partial<Delivery>,
): Adapter {
  return alterSubscriptions(adapter, ({ spec }) => ({
    delivery: delivery => overlay(delivery, change(delivery, spec)),
  }))
}

/** Changes the terms of each subscription. */
export function alterSpecs(
  adapter: Adapter,
  change: (spec: SubscriptionSpec, context: AdapterContext) => SubscriptionSpec,
): Adapter {
  return alterBroker(adapter, (broker, context) => ({
    subscribe: (spec, toSink) => broker.subscribe(change(spec, context), toSink),
  }))
}

/** Changes each settlement on its way to the adapter; undefined swallows it, and core hears that it is done. */
export function alterSettlements(
  adapter: Adapter,
  change: (settlement: Settlement, sides: Sides) => Settlement | undefined,
): Adapter {
  return alterSubscriptions(adapter, sides => {
    const originals = new WeakMap<Settlement, Settlement>()
    return {
      subscription: {
        settle(batch) {
          const passed: Settlement[] = []
          const swallowed: Settlement[] = []
          for (const settlement of batch) {
            const changed = change(settlement, sides)
            if (changed === undefined) swallowed.push(settlement)
            else {
              originals.set(changed, settlement)
              passed.push(changed)
            }
          }
          if (passed.length > 0) sides.subscription.settle(passed)
          if (swallowed.length > 0) queueMicrotask(() => sides.sink.settled(swallowed, DONE))
        },
      },
      sink: {
        settled: (batch, result) => {
          // What a change settled by itself is nothing that core asked for.
          const known = batch.map(item => originals.get(item)).filter(item => item !== undefined)
          if (known.length > 0) sides.sink.settled(known, result)
        },
      },
    }
  })
}

export const DONE: SettlementResult = { status: 'done' }
