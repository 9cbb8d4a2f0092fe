import type { Mutant } from '../model/mutant.ts'
import { alterSubscriptions, type Sides } from '../wrap/subscription.ts'

const UNLIMITED = 100_000

/** Changes what window the adapter hears of. */
const windows =
  (change: (sides: Sides) => (size: number) => number | undefined): NonNullable<Mutant['adapter']> =>
  adapter =>
    alterSubscriptions(adapter, sides => {
      const next = change(sides)
      return {
        // An adapter that forgets its window forgets the largest it could have, too.
        spec: { ...sides.spec, maxWindow: UNLIMITED },
        subscription: {
          window(size) {
            const changed = next(size)
            if (changed !== undefined) sides.subscription.window(changed)
          },
        },
      }
    })

export const windowMutants: readonly Mutant[] = [
  {
    id: 'window-ignored',
    bug: 'a subscription is handed whatever there is',
    seen: 'dapr/components-contrib#4599',
    adapter: windows(() => size => (size === 0 ? 0 : UNLIMITED)),
  },
  {
    id: 'window-off-by-one',
    bug: 'one more is handed out than asked for',
    adapter: windows(() => size => size && size + 1),
  },
  {
    id: 'window-pause-ignored',
    bug: 'a paused subscription is handed more',
    adapter: windows(() => size => size || undefined),
  },
  {
    id: 'window-lowering-ignored',
    bug: 'a lower limit has no effect',
    seen: 'RabbitMQ: prefetch does not touch a live consumer',
    adapter: windows(() => {
      let largest = 0
      return size => {
        largest = Math.max(largest, size)
        return size === 0 ? 0 : largest
      }
    }),
  },
  {
    id: 'window-raising-ignored',
    bug: 'a limit that was lowered cannot be raised again',
    adapter: windows(() => {
      let smallest = Number.POSITIVE_INFINITY
      return size => {
        if (size > 0) smallest = Math.min(smallest, size)
        return Math.min(size, smallest)
      }
    }),
  },
  {
    id: 'window-adds-up',
    bug: 'the old limit and the new add up',
    seen: 'RabbitMQ: cancel and consume, 6 unacknowledged at limit 4',
    adapter: windows(() => {
      let sum = 0
      return size => {
        sum = size === 0 ? 0 : sum + size
        return sum
      }
    }),
  },
  {
    id: 'window-resume-forgotten',
    bug: 'a subscription that was paused stays so',
    adapter: windows(() => {
      let paused = false
      return size => {
        paused ||= size === 0
        return paused ? 0 : size
      }
    }),
  },
  {
    id: 'window-shrinks-by-failures',
    bug: 'every failed message keeps its place in the window',
    seen: 'nats-io/nats-server#6093',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        let wanted = 0
        let pinned = 0
        return {
          subscription: {
            window(size) {
              wanted = size
              sides.subscription.window(Math.max(0, size - pinned))
            },
            settle(batch) {
              pinned += batch.filter(item => item.kind === 'retry').length
              sides.subscription.window(Math.max(0, wanted - pinned))
              sides.subscription.settle(batch)
            },
          },
        }
      }),
  },
  {
    id: 'window-lost-on-reconnect',
    bug: 'after a reconnect the limit is no longer set',
    seen: 'smallrye/smallrye-reactive-messaging#2084',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        let broken = false
        return {
          subscription: { window: size => sides.subscription.window(broken && size > 0 ? UNLIMITED : size) },
          sink: {
            state(state, cause) {
              sides.sink.state(state, cause)
              if (state === 'reconnecting') broken = true
              else if (broken) sides.subscription.window(UNLIMITED)
            },
          },
        }
      }),
  },
]
