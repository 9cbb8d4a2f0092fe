import type { Delivery, Outgoing, Settlement } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import {
  alterDeliveries,
  alterSettlements,
  alterSubscriptions,
  DONE,
  type Sides,
} from '../wrap/subscription.ts'

type Retry = Extract<Settlement, { kind: 'retry' }>

const ack = (delivery: Delivery): Settlement => ({ kind: 'ack', delivery })

/** Changes retries only. */
const onRetry =
  (change: (settlement: Retry, sides: Sides) => Settlement | undefined): NonNullable<Mutant['adapter']> =>
  adapter =>
    alterSettlements(adapter, (item, sides) => (item.kind === 'retry' ? change(item, sides) : item))

/** Changes settlements of one kind into another. */
const turning =
  (
    kind: Settlement['kind'],
    into: (settlement: Settlement, sides: Sides) => Settlement | undefined,
  ): NonNullable<Mutant['adapter']> =>
  adapter =>
    alterSettlements(adapter, (item, sides) => (item.kind === kind ? into(item, sides) : item))

/** The delivery's message once more, as a new one. */
function again(delivery: Delivery, to: Outgoing['to']): Outgoing[] {
  if (delivery.envelope === null) return []
  return [{ to, envelope: delivery.envelope, ...(delivery.key === undefined ? {} : { key: delivery.key }) }]
}

/** Whether an event is seen for the first time: a copy of every copy would never end. */
function firstTime(): (delivery: Delivery) => boolean {
  const seen = new Set<string>()
  return ({ envelope }) => {
    const id = envelope?.attributes.id ?? ''
    return !seen.has(id) && seen.add(id) !== undefined
  }
}

const inbox = ({ spec }: Sides, delivery: Delivery): Outgoing['to'] =>
  spec.group === undefined
    ? { kind: 'topic', topic: delivery.topic, partition: 0 }
    : { kind: 'inbox', topic: spec.topic, group: spec.group, partition: 0 }

export const settlementMutants: readonly Mutant[] = [
  {
    id: 'ack-on-delivery',
    bug: 'a message is acknowledged when it is delivered, not when it is handled',
    seen: 'nestjs/nest#4076',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({
        subscription: { settle: batch => queueMicrotask(() => sides.sink.settled(batch, DONE)) },
        sink: {
          deliver(batch) {
            sides.sink.deliver(batch)
            sides.subscription.settle(batch.map(ack))
          },
          settled() {},
        },
      })),
  },
  {
    id: 'ack-cumulative',
    bug: 'acknowledging one message acknowledges those delivered before it, failed and running ones included',
    seen: 'dapr/components-contrib#687',
    adapter: turning('ack', (item, { unsettled, subscription }) => {
      const before = [...unsettled].slice(0, [...unsettled].indexOf(item.delivery))
      if (before.length > 0) subscription.settle(before.map(ack))
      return item
    }),
  },
  {
    id: 'ack-forgotten',
    bug: 'an acknowledgement is never sent',
    adapter: turning('ack', () => undefined),
  },
  {
    id: 'ack-retries',
    bug: 'an acknowledged message is delivered a second time',
    adapter: adapter => {
      const isFirst = firstTime()
      return alterSettlements(adapter, (item, sides) => {
        if (item.kind === 'ack' && sides.spec.kind === 'events' && isFirst(item.delivery)) {
          void sides.broker.publish(again(item.delivery, inbox(sides, item.delivery)))
        }
        return item
      })
    },
  },
  {
    id: 'settlement-never-answered',
    bug: 'every fifth settlement has no answer, so its place in the window is lost',
    adapter: adapter => {
      let count = 0
      return alterSubscriptions(adapter, sides => ({
        sink: {
          settled: (batch, result) =>
            sides.sink.settled(
              batch.filter(() => ++count % 5 !== 0),
              result,
            ),
        },
      }))
    },
  },
  {
    id: 'settlement-failure-hidden',
    bug: 'a settlement that the broker refused is reported as done',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({ sink: { settled: batch => sides.sink.settled(batch, DONE) } })),
  },
  {
    id: 'retry-acked',
    bug: 'a failed message is acknowledged and forgotten',
    seen: 'dapr/js-sdk: a thrown handler is success',
    adapter: onRetry(item => ack(item.delivery)),
  },
  {
    id: 'retry-at-once',
    bug: 'a failed message comes back at once, whatever the backoff',
    seen: 'watermill#240',
    adapter: onRetry(item => ({ ...item, notBefore: 0 })),
  },
  {
    id: 'retry-early',
    bug: 'a failed message comes back a tenth of its backoff too early',
    adapter: onRetry((item, { context }) => ({
      ...item,
      notBefore: Math.floor(context.clock.now() + (item.notBefore - context.clock.now()) * 0.9),
    })),
  },
  {
    id: 'retry-delay-capped',
    bug: 'no retry waits longer than a quarter of an hour',
    adapter: onRetry((item, { context }) => ({
      ...item,
      notBefore: Math.min(item.notBefore, context.clock.now() + 900_000),
    })),
  },
  {
    id: 'retry-stops-at-three',
    bug: 'the broker drops a message after its third failure by a limit of its own',
    seen: 'rabbitmq/rabbitmq-server#11937',
    adapter: onRetry(item => (item.delivery.failures >= 2 ? ack(item.delivery) : item)),
  },
  {
    id: 'retry-to-every-group',
    bug: 'a failed message is published to its topic again, so every group gets it',
    seen: 'nestjs/nest#2586',
    adapter: adapter => {
      const isFirst = firstTime()
      return alterSettlements(adapter, (item, { broker }) => {
        if (item.kind !== 'retry' || !isFirst(item.delivery)) return item
        const to = { kind: 'topic', topic: item.delivery.topic, partition: 0 } as const
        void broker.publish(
          again(item.delivery, to).map(message => ({ ...message, notBefore: item.notBefore })),
        )
        return ack(item.delivery)
      })
    },
  },
  {
    id: 'retry-doubles',
    bug: 'a failed message is copied for its retry, and the original comes back as well',
    adapter: adapter => {
      const isFirst = firstTime()
      return alterSettlements(adapter, (item, sides) => {
        if (item.kind === 'retry' && isFirst(item.delivery)) {
          const copies = again(item.delivery, inbox(sides, item.delivery))
          void sides.broker.publish(copies.map(message => ({ ...message, notBefore: item.notBefore })))
        }
        return item
      })
    },
  },
  {
    id: 'retry-loses-metadata',
    bug: 'the failure metadata of earlier attempts is lost',
    adapter: onRetry(item => ({ ...item, meta: {} })),
  },
  {
    id: 'retry-loses-key',
    bug: 'the key is gone after the first failure',
    adapter: adapter =>
      alterDeliveries(adapter, delivery =>
        delivery.failures > 0 ? { key: undefined as unknown as string } : {},
      ),
  },
  {
    id: 'retry-blocks-group',
    bug: 'while one message waits for its backoff, its consumer takes no other',
    seen: 'watermill#224, nestjs/nest#14664',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        let wanted = 0
        let blocked = 0
        const { clock } = sides.context
        return {
          subscription: {
            window(size) {
              wanted = size
              if (blocked === 0) sides.subscription.window(size)
            },
            settle(batch) {
              for (const item of batch) {
                if (item.kind !== 'retry' || item.notBefore <= clock.now()) continue
                blocked++
                sides.subscription.window(0)
                clock.setTimer(item.notBefore - clock.now(), () => {
                  if (--blocked === 0) sides.subscription.window(wanted)
                })
              }
              sides.subscription.settle(batch)
            },
          },
        }
      }),
  },
  {
    id: 'release-counts',
    bug: 'giving a message back counts as a failed attempt',
    seen: 'NATS nak used as release',
    adapter: turning('release', ({ delivery }, { context }) => ({
      kind: 'retry',
      delivery,
      notBefore: context.clock.now(),
      meta: delivery.envelope?.meta ?? {},
      metaRequired: false,
    })),
  },
  {
    id: 'release-acks',
    bug: 'a message that is given back is acknowledged',
    seen: 'google/go-cloud#1829',
    adapter: turning('release', ({ delivery }) => ack(delivery)),
  },
  {
    id: 'release-goes-last',
    bug: 'a message that is given back goes to the end of the queue',
    adapter: turning('release', ({ delivery }, sides) => {
      void sides.broker.publish(again(delivery, inbox(sides, delivery)))
      return ack(delivery)
    }),
  },
  {
    id: 'release-forgotten',
    bug: 'a message that is given back stays with its member until the lease is over',
    adapter: turning('release', () => undefined),
  },
  {
    id: 'lease-not-extended',
    bug: 'the lease of a long handler is not renewed',
    seen: 'tulios/kafkajs#1396',
    adapter: adapter => alterSubscriptions(adapter, () => ({ subscription: { extend: async () => [] } })),
  },
  {
    id: 'lease-ends-early',
    bug: 'every message is taken back after a tenth of its lease, and what was extended too',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({
        spec: { ...sides.spec, lease: sides.spec.lease / 10 },
        subscription: { extend: (deliveries, lease) => sides.subscription.extend(deliveries, lease / 10) },
      })),
  },
  {
    id: 'lease-extension-loses',
    bug: 'renewing a lease reports the delivery as lost',
    adapter: adapter =>
      alterSubscriptions(adapter, () => ({ subscription: { extend: async deliveries => deliveries } })),
  },
  {
    id: 'loss-not-told',
    bug: 'a handler whose message was taken away does not hear of it',
    seen: 'smallrye/smallrye-reactive-messaging#816',
    adapter: adapter => alterSubscriptions(adapter, () => ({ sink: { lost() {} } })),
  },
]
