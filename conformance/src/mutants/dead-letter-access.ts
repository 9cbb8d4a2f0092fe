import { META } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import {
  alterBroker,
  alterDeadItems,
  alterMessages,
  alterPublish,
  CONFIRMED,
  withhold,
} from '../wrap/broker.ts'
import { overlay } from '../wrap/overlay.ts'
import { alterDeliveries, alterSubscriptions, DONE } from '../wrap/subscription.ts'

/** What goes wrong when dead letters are listed, removed, purged and redriven. */
export const deadLetterAccessMutants: readonly Mutant[] = [
  {
    id: 'dead-listed-backwards',
    bug: 'dead letters are listed newest first',
    adapter: adapter => alterDeadItems(adapter, items => items.toReversed()),
  },
  {
    id: 'dead-first-hidden',
    bug: 'the oldest dead letter is not listed',
    adapter: adapter => {
      return alterBroker(adapter, broker => ({
        deadLetters: overlay(broker.deadLetters, {
          async open(query) {
            const session = await broker.deadLetters.open(query)
            await session.next(1)
            return session
          },
        }),
      }))
    },
  },
  {
    id: 'dead-first-page-only',
    bug: 'a walk over the dead letters ends after its first page',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        deadLetters: overlay(broker.deadLetters, {
          async open(query) {
            const session = await broker.deadLetters.open(query)
            let pages = 0
            return overlay(session, { next: async count => (pages++ === 0 ? session.next(count) : []) })
          },
        }),
      })),
  },
  {
    id: 'dead-ids-change',
    bug: 'a dead letter has another id each time it is listed',
    adapter: adapter => {
      let listing = 0
      return alterDeadItems(adapter, items =>
        items.map(item => overlay(item, { id: `${item.id}-${listing++}` })),
      )
    },
  },
  {
    id: 'dead-removes-neighbour',
    bug: 'removing a dead letter removes the one after it',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        deadLetters: overlay(broker.deadLetters, {
          async open(query) {
            const session = await broker.deadLetters.open(query)
            return overlay(session, {
              async remove(items) {
                await using other = await broker.deadLetters.open(query)
                const all = await other.next(10_000)
                const next = items.map(item => all[all.findIndex(({ id }) => id === item.id) + 1])
                return other.remove(next.filter(item => item !== undefined)).then(() => items.map(() => DONE))
              },
            })
          },
        }),
      })),
  },
  {
    id: 'dead-not-removed',
    bug: 'a redriven dead letter stays in its queue',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        deadLetters: overlay(broker.deadLetters, {
          open: async query =>
            overlay(await broker.deadLetters.open(query), { remove: async items => items.map(() => DONE) }),
        }),
      })),
  },
  {
    id: 'dead-purge-leaves-one',
    bug: 'a purge leaves the last dead letter',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        deadLetters: overlay(broker.deadLetters, {
          async purge(query) {
            await using session = await broker.deadLetters.open(query)
            const all = await session.next(10_000)
            await session.remove(all.slice(0, -1))
            return all.length
          },
        }),
      })),
  },
  {
    id: 'dead-purge-miscounts',
    bug: 'a purge tells a wrong number',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        deadLetters: overlay(broker.deadLetters, {
          purge: async query => ((await broker.deadLetters.purge(query)) ?? 0) + 1,
        }),
      })),
  },
  {
    id: 'dead-purge-takes-all-groups',
    bug: 'a purge of one group empties the queue of the next one too',
    adapter: adapter => {
      const groups = new Set<string>()
      const noting = alterSubscriptions(adapter, ({ spec }) => {
        if (spec.group !== undefined) groups.add(spec.group)
        return undefined
      })
      return alterBroker(noting, broker => ({
        deadLetters: overlay(broker.deadLetters, {
          async purge(query) {
            const purged = await broker.deadLetters.purge(query)
            for (const group of groups)
              if (group !== query.group) await broker.deadLetters.purge({ ...query, group })
            return purged
          },
        }),
      }))
    },
  },
  {
    id: 'redrive-to-every-group',
    bug: 'a redriven event goes to every group of its topic',
    adapter: adapter =>
      alterMessages(adapter, message =>
        message.to.kind === 'inbox'
          ? { ...message, to: { kind: 'topic', topic: message.to.topic, partition: message.to.partition } }
          : message,
      ),
  },
  {
    id: 'redrive-lost',
    bug: 'a redriven event is confirmed and never stored',
    adapter: adapter => withhold(adapter, message => message.to.kind === 'inbox'),
  },
  {
    id: 'redrive-failure-hidden',
    bug: 'a redrive that the broker refused is reported as done, and the dead letter removed',
    adapter: adapter =>
      alterPublish(
        adapter,
        publish => async batch =>
          (await publish(batch)).map((result, at) =>
            batch[at]?.to.kind === 'inbox' && result.status !== 'confirmed' ? CONFIRMED : result,
          ),
      ),
  },
  {
    id: 'redrive-keeps-attempts',
    bug: 'a redriven event goes on with the attempts it had',
    adapter: adapter =>
      alterDeliveries(adapter, ({ envelope, failures }) =>
        Number(envelope?.meta[META.redrives] ?? 0) > 0 ? { failures: failures + 4 } : {},
      ),
  },
  {
    id: 'redrives-not-counted',
    bug: 'a redriven event does not tell that it was',
    adapter: adapter =>
      alterMessages(adapter, message => {
        const { [META.redrives]: _, ...meta } = message.envelope.meta
        return { ...message, envelope: { ...message.envelope, meta } }
      }),
  },
]
