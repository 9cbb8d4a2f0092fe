import type { Delivery } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import { alterMessages } from '../wrap/broker.ts'
import { alterSettlements, alterSpecs, alterSubscriptions } from '../wrap/subscription.ts'

export const orderingMutants: readonly Mutant[] = [
  {
    id: 'order-per-member',
    bug: 'order of a key is kept inside a member only: two members, or a retry, let its next event overtake',
    seen: 'apache/pulsar#15317',
    adapter: adapter => alterSpecs(adapter, spec => ({ ...spec, ordering: 'none' })),
  },
  {
    id: 'order-lost-on-retry',
    bug: 'a failed event of a key is parked without parking those behind it',
    adapter: adapter =>
      alterSettlements(adapter, (item, { spec, broker }) => {
        const { envelope, key } = item.delivery
        if (
          item.kind !== 'retry' ||
          spec.ordering === 'none' ||
          envelope === null ||
          spec.group === undefined
        )
          return item
        const to = { kind: 'inbox', topic: spec.topic, group: spec.group, partition: 0 } as const
        // A key of its own, so that nothing waits for it.
        const parked = { to, envelope, key: `${key ?? ''} `, notBefore: item.notBefore }
        void broker.publish([parked])
        return { kind: 'ack', delivery: item.delivery }
      }),
  },
  {
    id: 'order-reversed-in-batch',
    bug: 'messages of one hand-over are delivered in reverse',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => ({
        sink: { deliver: batch => sides.sink.deliver(batch.toReversed()) },
      })),
  },
  {
    id: 'order-by-handover-size',
    bug: 'every second message is held back until the next one came',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        let held: Delivery | undefined
        return {
          sink: {
            deliver(batch) {
              for (const delivery of batch) {
                if (held === undefined) {
                  held = delivery
                  // With nothing behind it, it goes by itself.
                  sides.context.clock.setTimer(3, () => {
                    if (held !== delivery) return
                    held = undefined
                    sides.sink.deliver([delivery])
                  })
                } else {
                  const first = held
                  held = undefined
                  sides.sink.deliver([delivery, first])
                }
              }
            },
          },
        }
      }),
  },
  {
    id: 'order-one-key',
    bug: 'all keys of an ordered topic share one lane',
    adapter: adapter =>
      alterMessages(adapter, message => (message.key === undefined ? message : { ...message, key: 'key' })),
  },
  {
    id: 'order-blocks-all',
    bug: 'a failing key holds up every other key of the topic',
    seen: 'nestjs/nest#14664',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        if (sides.spec.ordering === 'none') return undefined
        const waiting: Delivery[] = []
        const { clock } = sides.context
        let blockedUntil = 0
        const open = () => {
          if (clock.now() >= blockedUntil && waiting.length > 0) sides.sink.deliver(waiting.splice(0))
        }
        return {
          subscription: {
            settle(batch) {
              for (const item of batch) {
                if (item.kind !== 'retry') continue
                blockedUntil = Math.max(blockedUntil, item.notBefore)
                clock.setTimer(item.notBefore - clock.now(), open)
              }
              sides.subscription.settle(batch)
            },
          },
          sink: {
            deliver(batch) {
              waiting.push(...batch)
              open()
            },
          },
        }
      }),
  },
]
