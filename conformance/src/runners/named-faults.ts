import type { FaultId, Faults } from '../model/faults.ts'

const NONE: ReadonlySet<FaultId> = new Set()

/** A case names its clients `a` and `b`; the broker knows them by names that no other case has. */
export function namedFaults(faults: Faults | undefined, fullName: (client: string) => string): Faults {
  const named = (client: string | undefined) => (client === undefined ? undefined : fullName(client))
  const present = () => {
    if (faults === undefined)
      throw new Error('this harness injects no faults: name them in the case’s `faults`')
    return faults
  }
  return {
    available: faults?.available ?? NONE,
    cut: async client => present().cut(named(client)),
    heal: async client => present().heal(named(client)),
    restartBroker: async () => present().restartBroker(),
    killChannel: async client => present().killChannel(fullName(client)),
    crash: async client => present().crash(fullName(client)),
    loseConfirms: async (client, count) => present().loseConfirms(fullName(client), count),
    refusePublishes: async (client, count) => present().refusePublishes(fullName(client), count),
    failSettlements: async (client, count) => present().failSettlements(fullName(client), count),
    failDeadLetters: async count => present().failDeadLetters(count),
    stall: async client => present().stall(fullName(client)),
    worker: async options => present().worker(options),
  }
}
