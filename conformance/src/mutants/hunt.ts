import { allCases } from '../cases/index.ts'
import type { Mutant } from '../model/mutant.ts'
import { plan } from '../runners/plan.ts'
import { type HuntRuns, hunter } from './hunter.ts'
import { allMutants } from './index.ts'

export interface HuntOptions {
  /** Only cases whose id contains this text. */
  readonly filter?: string
  /** Only mutants whose id contains this text. */
  readonly mutants?: string
  /** Worker threads. Default 2. */
  readonly parallel?: number
  /** Real milliseconds a case may take. Default 3,000. */
  readonly timeLimit?: number
  readonly onMutant?: (mutant: HuntedMutant) => void
}

export interface HuntedMutant {
  readonly id: string
  readonly bug: string
  readonly seen?: string
  /** Cases that failed on it, permutations aside. Empty: it is alive. */
  readonly killedBy: readonly string[]
}

export interface HuntedCase {
  readonly id: string
  /** Mutants it killed. */
  readonly kills: readonly string[]
  /** Of those, mutants that at most a third of the cases noticed: what this case is there for. */
  readonly sharp: readonly string[]
  /** Why it took no part: it failed without any mutant, or could not be run on the embedded broker. */
  readonly reason?: string
}

export interface HuntReport {
  readonly mutants: readonly HuntedMutant[]
  readonly cases: readonly HuntedCase[]
  readonly summary: {
    readonly killed: number
    readonly alive: number
    /** Cases that ran and killed no mutant that was not obvious. */
    readonly idle: number
    /** Cases that failed on the adapter as it is. */
    readonly failing: number
    /** Cases that could not be run on the embedded broker. */
    readonly notProven: number
    readonly ms: number
  }
}

/** Runs every case on every mutant. A mutant alive is a gap in the suite; a case that kills none is not a case. */
export async function huntMutants(options: HuntOptions = {}): Promise<HuntReport> {
  const began = performance.now()
  const timeLimit = options.timeLimit ?? 3_000
  const filter = options.filter === undefined ? {} : { filter: options.filter }
  const hunters = Array.from({ length: options.parallel ?? 2 }, hunter)
  const [first] = hunters
  if (first === undefined) throw new RangeError('a hunt needs at least one worker')
  try {
    const baseline = await first.hunt({ timeLimit: 30_000, skip: [], ...filter })
    const skip = [...baseline].filter(([, { status }]) => status !== 'pass').map(([run]) => run)
    const wanted = allMutants.filter(
      ({ id }) => options.mutants === undefined || id.includes(options.mutants),
    )
    const killers = new Map<string, readonly string[]>()
    let next = 0
    const lane = async (own: (typeof hunters)[number]) => {
      for (let mutant = wanted[next++]; mutant !== undefined; mutant = wanted[next++]) {
        const runs = await own.hunt({ mutant: mutant.id, timeLimit, skip, ...filter })
        killers.set(mutant.id, killersOf(runs, baseline))
        options.onMutant?.(describe(mutant, killers))
      }
    }
    await Promise.all(hunters.map(lane))
    const mutants = wanted.map(mutant => describe(mutant, killers))
    const cases = describeCases(baseline, mutants, options.filter)
    return { mutants, cases, summary: summarise(mutants, cases, baseline, performance.now() - began) }
  } finally {
    await Promise.all(hunters.map(own => own.close()))
  }
}

/** Cases with a run that failed on the mutant, and passed without. */
function killersOf(runs: HuntRuns, baseline: HuntRuns): readonly string[] {
  const failed = [...runs].filter(
    ([run, { status }]) => status === 'fail' && baseline.get(run)?.status === 'pass',
  )
  return [...new Set(failed.map(([run]) => caseOf(run)))]
}

const caseOf = (run: string) => run.replace(/\[.*$/, '')

function describe({ id, bug, seen }: Mutant, killers: ReadonlyMap<string, readonly string[]>): HuntedMutant {
  return { id, bug, ...(seen === undefined ? {} : { seen }), killedBy: killers.get(id) ?? [] }
}

function describeCases(
  baseline: HuntRuns,
  mutants: readonly HuntedMutant[],
  filter: string | undefined,
): readonly HuntedCase[] {
  const ids = [...new Set(plan(allCases, filter === undefined ? {} : { filter }).map(run => run.case.id))]
  return ids.map(id => {
    const killed = mutants.filter(mutant => mutant.killedBy.includes(id))
    const sharp = killed.filter(mutant => mutant.killedBy.length <= Math.max(1, ids.length / 3))
    const troubled = [...baseline].find(([run, { status }]) => caseOf(run) === id && status !== 'pass')
    const reason = troubled && `${troubled[1].status}: ${troubled[1].reason ?? ''}`
    return {
      id,
      kills: killed.map(mutant => mutant.id),
      sharp: sharp.map(mutant => mutant.id),
      ...(reason === undefined ? {} : { reason }),
    }
  })
}

function summarise(
  mutants: readonly HuntedMutant[],
  cases: readonly HuntedCase[],
  baseline: HuntRuns,
  ms: number,
): HuntReport['summary'] {
  const alive = mutants.filter(mutant => mutant.killedBy.length === 0).length
  const withStatus = (status: string) =>
    new Set([...baseline].filter(([, run]) => run.status === status).map(([run]) => caseOf(run))).size
  return {
    killed: mutants.length - alive,
    alive,
    idle: cases.filter(item => item.sharp.length === 0 && item.reason === undefined).length,
    failing: withStatus('fail'),
    notProven: withStatus('not-proven'),
    ms: Math.round(ms),
  }
}
