import { META, type Settlement } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import { alterDeadItems } from '../wrap/broker.ts'
import { overlay } from '../wrap/overlay.ts'
import { alterSettlements, alterSubscriptions, DONE } from '../wrap/subscription.ts'

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

/** What goes wrong when a message becomes a dead letter. */
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
]
