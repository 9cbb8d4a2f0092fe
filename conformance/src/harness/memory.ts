import { VirtualClock } from '@busbar/core/time'
import { MemoryBroker, memory } from '@busbar/memory'
import type { FaultId, Faults } from '../model/faults.ts'
import type { Harness } from '../model/harness.ts'
import { memoryWire } from './memory-wire.ts'

/** All but worker processes: what is in this process's memory cannot be reached from another. */
const FAULTS: ReadonlySet<FaultId> = new Set<FaultId>([
  'cut',
  'heal',
  'restart-broker',
  'kill-channel',
  'crash',
  'lose-confirm',
  'refuse-publish',
  'fail-settlement',
  'fail-dead-letter',
  'stall',
])

/** The embedded broker: one for each case, with time of its own. */
export const memoryHarness: Harness = {
  name: 'memory',
  isolated: true,
  async open() {
    const time = new VirtualClock()
    const broker = new MemoryBroker({ clock: time })
    const wire = memoryWire(() => memory({ broker }), time)
    return {
      time,
      faults: faultsOf(broker),
      raw: wire.raw,
      adapter: () => wire.attach(memory({ broker })),
      async close() {},
    }
  },
}

/** Publishes and settlements are refused or forgotten for whichever client comes first: cases have one that does either. */
function faultsOf({ faults }: MemoryBroker): Faults {
  return {
    available: FAULTS,
    cut: async client => faults.cut(client),
    async heal(client) {
      faults.resume()
      faults.heal(client)
    },
    restartBroker: async () => faults.restart(100),
    // A connection of the embedded broker is one channel.
    async killChannel(client) {
      faults.cut(client)
      faults.heal(client)
    },
    crash: async client => faults.crash(client),
    loseConfirms: async (_, count) => faults.failNextConfirm(count),
    refusePublishes: async (_, count) => faults.refuseNextPublish(count),
    failSettlements: async (_, count) => faults.failNextSettle(count),
    failDeadLetters: async count => faults.failDeadLetterWrites(count),
    stall: async () => faults.hangPublishes(),
    worker: () => Promise.reject(new Error('the embedded broker cannot be reached from another process')),
  }
}
