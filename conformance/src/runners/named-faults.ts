import type { FaultId, Faults } from '../model/faults.ts'

const NONE: ReadonlySet<FaultId> = new Set()

/** The faults of one case, whose clients the broker knows by names that no other case has. */
export interface CaseFaults {
  readonly faults: Faults
  /** A client of the case is about to connect: while all links of the case are cut, its own is too. */
  admit(client: string): Promise<void>
}

/** A case names its clients `a` and `b`; `cut()` without a name means all of them, not those of other cases. */
export function namedFaults(faults: Faults | undefined, fullName: (client: string) => string): CaseFaults {
  const clients = new Set<string>()
  let allCut = false
  const present = () => {
    if (faults === undefined)
      throw new Error('this harness injects no faults: name them in the case’s `faults`')
    return faults
  }
  /** Cuts of all reach only this case's clients where the harness can tell them apart. */
  async function link(what: 'cut' | 'heal', client: string | undefined): Promise<void> {
    if (client !== undefined) return present()[what](fullName(client))
    allCut = what === 'cut'
    if (present().contained?.has('cut') !== true) return present()[what]()
    await Promise.all([...clients].map(each => present()[what](fullName(each))))
  }
  return {
    async admit(client) {
      clients.add(client)
      if (allCut && present().contained?.has('cut') === true) await present().cut(fullName(client))
    },
    faults: {
      available: faults?.available ?? NONE,
      contained: faults?.contained ?? NONE,
      cut: client => link('cut', client),
      heal: client => link('heal', client),
      restartBroker: async () => present().restartBroker(),
      killChannel: async client => present().killChannel(fullName(client)),
      crash: async client => present().crash(fullName(client)),
      loseConfirms: async (client, count) => present().loseConfirms(fullName(client), count),
      refusePublishes: async (client, count) => present().refusePublishes(fullName(client), count),
      failSettlements: async (client, count) => present().failSettlements(fullName(client), count),
      failDeadLetters: async count => present().failDeadLetters(count),
      stall: async client => present().stall(fullName(client)),
      worker: async options => present().worker(options),
    },
  }
}
