import { META, type Settlement } from '@busbar/core/adapter'
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
import { alterDeliveries, alterSettlements, alterSubscriptions, DONE } from '../wrap/subscription.ts'

type Dead = Extract<Settlement, { kind: 'dead' }>

const onDead =
  (change: (settlement: Dead) => Settlement | undefined): NonNullable<Mutant['adapter']> =>
  adapter =>
    alterSettlements(adapter, item => (item.kind === 'dead' ? change(item) : item))

/** Dead letters without some of their metadata. */
const losing = (...lost: readonly string[]) =>
  onDead(item => ({
    ...item,
    meta: Object.fromEntries(Object.entries(item.meta).filter(([name]) => !lost.includes(name))),
  }))

export const deadLetterMutants: readonly Mutant[] = [
  {
    id: 'dead-acked',
    bug: 'a message whose attempts are over is dropped',
    seen: 'a DLQ that was never configured',
    adapter: onDead(item => ({ kind: 'ack', delivery: item.delivery })),
  },
  {
    id: 'dead-retried',
    bug: 'a message whose attempts are over is retried for ever',
    seen: 'faststream#1603',
    adapter: adapter =>
      alterSettlements(adapter, (item, { context }) =>
        item.kind === 'dead' && item.delivery.envelope !== null
          ? { ...item, kind: 'retry', notBefore: context.clock.now() + 1_000, metaRequired: false }
          : item,
      ),
  },
  {
    id: 'dead-keeps-original',
    bug: 'a dead letter is written and the original comes back as well',
    adapter: adapter => {
      const seen = new Set<string>()
      return alterSettlements(adapter, (item, { spec, broker }) => {
        const { envelope, key } = item.delivery
        const id = envelope?.attributes.id ?? ''
        if (item.kind === 'dead' && spec.group !== undefined && envelope !== null && !seen.has(id)) {
          seen.add(id)
          const to = { kind: 'inbox', topic: spec.topic, group: spec.group, partition: 0 } as const
          void broker.publish([{ to, envelope, ...(key === undefined ? {} : { key }) }])
        }
        return item
      })
    },
  },
  {
    id: 'dead-failure-swallowed',
    bug: 'the original is acknowledged although the dead letter could not be written',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({
        sink: {
          settled(batch, result) {
            const dead = batch.filter(item => item.kind === 'dead')
            if (result.status !== 'failed' || dead.length === 0) return sides.sink.settled(batch, result)
            sides.subscription.settle(dead.map(({ delivery }) => ({ kind: 'ack', delivery })))
            sides.sink.settled(batch, DONE)
          },
        },
      })),
  },
  { id: 'dead-loses-reason', bug: 'a dead letter does not say why', adapter: losing(META.reason) },
  { id: 'dead-loses-stack', bug: 'a dead letter has no stack', adapter: losing(META.errorStack) },
  {
    id: 'dead-loses-error',
    bug: 'a dead letter does not name its error',
    adapter: losing(META.errorClass, META.errorCode, META.errorMessage),
  },
  {
    id: 'dead-loses-times',
    bug: 'a dead letter does not say when it failed first and last',
    adapter: losing(META.firstFailure, META.lastFailure),
  },
  {
    id: 'dead-loses-attempts',
    bug: 'a dead letter does not count its attempts',
    adapter: losing(META.failures),
  },
  {
    id: 'dead-loses-source',
    bug: 'a dead letter does not say where it came from',
    adapter: losing(META.topic, META.group),
  },
  {
    id: 'dead-loses-time',
    bug: 'a dead letter does not say since when it is dead',
    adapter: losing(META.deadAt),
  },
  {
    id: 'dead-loses-body',
    bug: 'a dead letter has no data',
    adapter: adapter =>
      alterDeadItems(adapter, items =>
        items.map(item =>
          item.envelope === null ? item : overlay(item, { envelope: { ...item.envelope, body: null } }),
        ),
      ),
  },
  {
    id: 'dead-loses-raw',
    bug: 'the dead letter of an undecodable message has lost its bytes',
    adapter: adapter =>
      alterDeadItems(adapter, items =>
        items.map(item =>
          item.raw === undefined ? item : overlay(item, { raw: { body: null, headers: [] } }),
        ),
      ),
  },
  {
    id: 'dead-loses-headers',
    bug: 'foreign headers do not reach the dead letter',
    adapter: adapter =>
      alterDeadItems(adapter, items =>
        items.map(item =>
          item.envelope === null ? item : overlay(item, { envelope: { ...item.envelope, headers: [] } }),
        ),
      ),
  },
  {
    id: 'dead-loses-trace',
    bug: 'the trace context does not reach the dead letter',
    adapter: adapter =>
      alterDeadItems(adapter, items =>
        items.map(item => {
          if (item.envelope === null) return item
          const { traceparent: _, tracestate: __, ...attributes } = item.envelope.attributes
          return overlay(item, { envelope: { ...item.envelope, attributes } })
        }),
      ),
  },
  {
    id: 'dead-loses-key',
    bug: 'the key does not reach the dead letter',
    adapter: adapter =>
      alterDeadItems(adapter, items =>
        items.map(item => overlay(item, { key: undefined as unknown as string })),
      ),
  },
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
