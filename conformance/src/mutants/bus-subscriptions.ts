import type { Mutant } from '../model/mutant.ts'
import { alterSubscribed } from '../wrap/bus.ts'

/** What goes wrong with what `subscribe` gives back. */
export const busSubscriptionMutants: readonly Mutant[] = [
  {
    id: 'bus-pause-ignored',
    bug: 'pausing a subscription has no effect',
    bus: bus => alterSubscribed(bus, () => ({ pause() {} })),
  },
  {
    id: 'bus-resume-ignored',
    bug: 'a paused subscription cannot be resumed',
    bus: bus => alterSubscribed(bus, () => ({ resume() {} })),
  },
  {
    id: 'bus-pause-closes',
    bug: 'pausing closes the subscription',
    bus: bus => alterSubscribed(bus, subscription => ({ pause: () => void subscription.close() })),
  },
  {
    id: 'bus-set-concurrency-ignored',
    bug: 'changing the concurrency has no effect',
    bus: bus => alterSubscribed(bus, () => ({ setConcurrency() {} })),
  },
  {
    id: 'bus-subscription-close-ignored',
    bug: 'a closed subscription goes on',
    bus: bus => alterSubscribed(bus, () => ({ close: async () => {}, drain: async () => {} })),
  },
  {
    id: 'bus-subscription-stats-zero',
    bug: 'a subscription’s counters stay at zero',
    bus: bus =>
      alterSubscribed(bus, ({ stats }) => ({
        stats: Object.fromEntries(Object.keys(stats).map(name => [name, 0])) as unknown as typeof stats,
      })),
  },
  {
    id: 'bus-subscription-state-live',
    bug: 'a subscription always says that it is live',
    bus: bus => alterSubscribed(bus, () => ({ state: 'live' })),
  },
]
