import type { Adapter, AdapterContext, Broker, DeadItem, Outgoing, PublishResult } from '@busbar/core/adapter'
import { overlay } from './overlay.ts'

/** Replaces members of the connected broker. */
export function alterBroker(
  adapter: Adapter,
  change: (broker: Broker, context: AdapterContext) => Partial<Broker>,
): Adapter {
  return overlay(adapter, {
    async connect(context) {
      const broker = await adapter.connect(context)
      return overlay(broker, change(broker, context))
    },
  })
}

/** Replaces what the adapter is told of its surroundings. */
export function alterContext(
  adapter: Adapter,
  change: (context: AdapterContext) => Partial<AdapterContext>,
): Adapter {
  return overlay(adapter, { connect: context => adapter.connect(overlay(context, change(context))) })
}

export type Publish = (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]>

/** Stands between core and the broker's `publish`. */
export function alterPublish(
  adapter: Adapter,
  change: (publish: Publish, context: AdapterContext, broker: Broker) => Publish,
): Adapter {
  return alterBroker(adapter, (broker, context) => ({
    publish: change(batch => broker.publish(batch), context, broker),
  }))
}

/** Changes each message on its way out. */
export function alterMessages(
  adapter: Adapter,
  change: (message: Outgoing, context: AdapterContext) => Outgoing,
): Adapter {
  return alterPublish(
    adapter,
    (publish, context) => batch => publish(batch.map(item => change(item, context))),
  )
}

/** Changes the answers to a batch. */
export function alterResults(
  adapter: Adapter,
  change: (results: readonly PublishResult[], batch: readonly Outgoing[]) => readonly PublishResult[],
): Adapter {
  return alterPublish(adapter, publish => async batch => change(await publish(batch), batch))
}

/** Publishes only some of a batch; the others are said to be confirmed. */
export function withhold(adapter: Adapter, isWithheld: (message: Outgoing) => boolean): Adapter {
  return alterPublish(adapter, publish => async batch => {
    const sent: Outgoing[] = []
    const positions = batch.map(message => (isWithheld(message) ? undefined : sent.push(message) - 1))
    const results = await publish(sent)
    return positions.map(at => (at === undefined ? CONFIRMED : (results[at] ?? CONFIRMED)))
  })
}

export const CONFIRMED: PublishResult = { status: 'confirmed' }

/** Changes what a walk over a dead-letter queue shows. */
export function alterDeadItems(
  adapter: Adapter,
  change: (items: readonly DeadItem[]) => readonly DeadItem[],
): Adapter {
  return alterBroker(adapter, broker => ({
    deadLetters: overlay(broker.deadLetters, {
      async open(query) {
        const session = await broker.deadLetters.open(query)
        const originals = new WeakMap<DeadItem, DeadItem>()
        return overlay(session, {
          async next(count) {
            const stored = await session.next(count)
            const shown = change(stored)
            const byId = new Map(stored.map(item => [item.id, item]))
            for (const [at, item] of shown.entries()) {
              const original = byId.get(item.id) ?? stored[at]
              if (original !== undefined) originals.set(item, original)
            }
            return shown
          },
          remove: items => session.remove(items.map(item => originals.get(item) ?? item)),
        })
      },
    }),
  }))
}
