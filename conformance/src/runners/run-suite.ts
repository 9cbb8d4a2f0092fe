import type { CapabilityId } from '@busbar/core/adapter'
import type { ConformanceCase } from '../model/case.ts'
import type { CaseResult, CaseStatus, ConformanceReport, Harness } from '../model/harness.ts'
import { type PlannedRun, type PlanOptions, plan } from './plan.ts'
import { openSuite, type Suite, type SuiteOptions } from './suite.ts'

export interface RunOptions extends SuiteOptions, PlanOptions {
  /** Cases that run at the same time. Default 1. */
  readonly parallel?: number
  /** Whether capabilities declared unsupported are tried all the same. Default true. */
  readonly probe?: boolean
  /** Called with each result as it comes. */
  readonly onResult?: (result: CaseResult) => void
}

/** Runs `cases` on the harness's adapter. Rejects only when the broker cannot be reached. */
export async function runSuite(
  harness: Harness,
  cases: readonly ConformanceCase[],
  options: RunOptions = {},
): Promise<ConformanceReport> {
  const began = performance.now()
  const suite = await openSuite(harness, options)
  const results: CaseResult[] = []
  const add = (result: CaseResult) => {
    results.push(result)
    options.onResult?.(result)
  }
  try {
    const runs = plan(cases, options)
    const [alone, together] = partition(runs, run => suite.exclusive(run))
    await inParallel(together, options.parallel ?? 1, async run => add(await suite.run(run)))
    await inParallel(alone, 1, async run => add(await suite.run(run)))
    if (options.probe !== false) {
      // Most wait for what cannot come, for as long as their cases do.
      const probes = [...underDeclarable(suite, runs)]
      const [harmful, harmless] = partition(probes, ([, runs]) => runs.some(run => suite.exclusive(run)))
      const probe = async ([capability, runs]: (typeof probes)[number]) => {
        if (!options.signal?.aborted) add(await suite.probe(capability, runs))
      }
      await inParallel(harmless, options.parallel ?? 1, probe)
      await inParallel(harmful, 1, probe)
    }
  } finally {
    await suite.close()
  }
  return {
    adapter: suite.adapter,
    version: suite.version,
    capabilities: suite.capabilities,
    cases: results,
    summary: summarise(results, performance.now() - began),
  }
}

/** Runs of each unsupported capability that nothing else keeps from running. */
function underDeclarable(suite: Suite, runs: readonly PlannedRun[]): Map<CapabilityId, PlannedRun[]> {
  const found = new Map<CapabilityId, PlannedRun[]>()
  const seen = new Set<string>()
  for (const run of runs) {
    const unmet = run.case.requires.filter(id => suite.capabilities.of[id].support === 'unsupported')
    const [only] = unmet
    if (unmet.length !== 1 || only === undefined || seen.has(run.id)) continue
    seen.add(run.id)
    found.set(only, [...(found.get(only) ?? []), run])
  }
  return found
}

async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter(item => !test(item))]
}

function summarise(results: readonly CaseResult[], ms: number): ConformanceReport['summary'] {
  const counts: Record<CaseStatus, number> = { pass: 0, fail: 0, refused: 0, 'not-proven': 0, skipped: 0 }
  for (const result of results) counts[result.status]++
  return { ...counts, total: results.length, ms: Math.round(ms) }
}
