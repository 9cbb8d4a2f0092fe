import type { Mutant } from '../model/mutant.ts'
import { alterDeliveries, alterSubscriptions } from '../wrap/subscription.ts'

export const attemptMutants: readonly Mutant[] = [
  {
    id: 'failures-not-counted',
    bug: 'failed attempts are not counted',
    seen: 'faststream#1603',
    adapter: adapter => alterDeliveries(adapter, () => ({ failures: 0 })),
  },
  {
    id: 'failures-forgotten-at-restart',
    bug: 'failed attempts are counted in the process, and forgotten with it',
    seen: 'MassTransit#2076',
    adapter: adapter => {
      const seen = new Map<string, number>()
      return alterDeliveries(adapter, delivery => {
        const id = delivery.envelope?.attributes.id ?? ''
        const failures = Math.min(delivery.failures, seen.get(id) ?? 0)
        seen.set(id, failures + 1)
        return { failures }
      })
    },
  },
  {
    id: 'failures-counted-twice',
    bug: 'every failed attempt counts as two',
    adapter: adapter => alterDeliveries(adapter, ({ failures }) => ({ failures: failures * 2 })),
  },
  {
    id: 'redeliveries-are-failures',
    bug: 'being handed out counts as a failed attempt, so neighbours of a crash are charged',
    seen: 'RabbitMQ x-delivery-count, SQS ApproximateReceiveCount',
    adapter: adapter =>
      alterDeliveries(adapter, ({ failures, redeliveries }) => ({ failures: failures + redeliveries })),
  },
  {
    id: 'redeliveries-hidden',
    bug: 'a message that comes back after a crash looks new',
    adapter: adapter => alterDeliveries(adapter, () => ({ redeliveries: 0 })),
  },
  {
    id: 'redeliveries-doubled',
    bug: 'the broker’s count of redeliveries is told twice as high as it is',
    adapter: adapter => alterDeliveries(adapter, ({ redeliveries }) => ({ redeliveries: redeliveries * 2 })),
  },
  {
    id: 'redelivered-always',
    bug: 'every message claims that it was handed out before',
    adapter: adapter => alterDeliveries(adapter, ({ redeliveries }) => ({ redeliveries: redeliveries + 1 })),
  },
  {
    id: 'mark-not-recorded',
    bug: 'the start of a suspect is not recorded, so it kills its consumer for ever',
    adapter: adapter => alterSubscriptions(adapter, () => ({ subscription: { mark: async () => {} } })),
  },
  {
    id: 'marks-forgotten',
    bug: 'the recorded start of a suspect is not told when it comes back',
    adapter: adapter => alterDeliveries(adapter, () => ({ marks: 0 })),
  },
  {
    id: 'position-of-delivery-shared',
    bug: 'all deliveries tell the same position',
    adapter: adapter => alterDeliveries(adapter, () => ({ position: '0' })),
  },
]
