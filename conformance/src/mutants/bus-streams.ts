import type { Mutant } from '../model/mutant.ts'
import { alterBus } from '../wrap/bus.ts'
import { overlay } from '../wrap/overlay.ts'

/** Replaces members of each delivery of a stream, in batches or not. */
function streaming(
  bus: Parameters<NonNullable<Mutant['bus']>>[0],
  change: (delivery: Record<string, unknown>) => Record<string, unknown>,
) {
  const altered = (delivery: Record<string, unknown>) => overlay(delivery, change(delivery))
  return alterBus(bus, {
    stream(target: never, options: never) {
      const stream = bus.stream(target, options)
      return overlay(stream, {
        [Symbol.asyncIterator]: () => {
          const iterator = (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]()
          return overlay(iterator, {
            async next() {
              const { done, value } = await iterator.next()
              if (done === true) return { done, value }
              return {
                done: false,
                value: Array.isArray(value) ? value.map(altered) : altered(value as never),
              }
            },
          }) as never
        },
      })
    },
  })
}

export const busStreamMutants: readonly Mutant[] = [
  {
    id: 'bus-stream-settles-nothing',
    bug: 'what a stream’s reader settles is not settled',
    bus: bus =>
      streaming(bus, () => ({
        ack: async () => {},
        retry: async () => {},
        deadLetter: async () => {},
        release: async () => {},
      })),
  },
  {
    id: 'bus-stream-retry-acks',
    bug: 'retry on a stream acknowledges',
    bus: bus => streaming(bus, delivery => ({ retry: delivery.ack })),
  },
  {
    id: 'bus-stream-release-retries',
    bug: 'release on a stream counts as an attempt',
    bus: bus =>
      streaming(bus, delivery => ({
        release: () => (delivery.retry as (options: object) => unknown)({ delay: 0 }),
      })),
  },
  {
    id: 'bus-stream-acks-when-taken',
    bug: 'a stream acknowledges what its reader takes',
    bus: bus =>
      streaming(bus, delivery => {
        void (delivery.ack as () => Promise<void>)()
        return {}
      }),
  },
]
