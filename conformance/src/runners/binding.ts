import type { CapabilityId } from '@busbar/core/adapter'
import type { ConformanceCase } from '../model/case.ts'
import type { CaseResult, Harness } from '../model/harness.ts'
import { type PlannedRun, plan } from './plan.ts'
import { openSuite, type Suite, type SuiteOptions } from './suite.ts'

export interface BindingOptions extends SuiteOptions {
  /** Which cases. Default: all. */
  readonly cases?: readonly ConformanceCase[]
  /** Only runs whose id contains this text. */
  readonly filter?: string
}

/** A test for a runner: its name, and what becomes of it. */
export interface BoundTest {
  readonly name: string
  readonly timeLimit: number
  run(): Promise<CaseResult>
}

export interface BoundSuite {
  readonly tests: readonly BoundTest[]
  close(): Promise<void>
}

/** Milliseconds a runner should allow beyond a case's own limit, so that the case fails with its own reason. */
const MARGIN = 20_000
const TIME_LIMIT = 30_000

/** The suite as tests known before anything connects, as test runners want them. The broker is opened by the first. */
export function bind(
  harness: Harness,
  cases: readonly ConformanceCase[],
  options: BindingOptions,
): BoundSuite {
  let suite: Promise<Suite> | undefined
  const open = () => {
    suite ??= openSuite(harness, options)
    return suite
  }
  const runs = plan(options.cases ?? cases, options)
  const byCapability = new Map<CapabilityId, PlannedRun[]>()
  for (const run of runs) {
    const [only, ...others] = run.case.requires
    if (only === undefined || others.length > 0) continue
    byCapability.set(only, [...(byCapability.get(only) ?? []), run])
  }
  const tests: BoundTest[] = runs.map(run => ({
    name: `${run.id}: ${run.title}`,
    timeLimit: (run.case.timeLimit ?? TIME_LIMIT) + MARGIN,
    run: async () => (await open()).run(run),
  }))
  for (const [capability, probes] of byCapability) {
    tests.push({
      name: `capabilities.under-declared@1[${capability}]: missing only if the manifest says so`,
      timeLimit: TIME_LIMIT * probes.length + MARGIN,
      run: async () => probeIfUnsupported(await open(), capability, probes),
    })
  }
  return { tests, close: async () => (await suite)?.close() }
}

async function probeIfUnsupported(
  suite: Suite,
  capability: CapabilityId,
  probes: readonly PlannedRun[],
): Promise<CaseResult> {
  if (suite.capabilities.of[capability].support === 'unsupported') return suite.probe(capability, probes)
  const id = `capabilities.under-declared@1[${capability}]`
  return { id, title: `${capability} is declared`, status: 'pass', ms: 0 }
}

/** Throws what a runner should show of a failed case; returns why a case proved nothing. */
export function outcome(result: CaseResult): string | undefined {
  if (result.status === 'fail') throw new Error(result.reason)
  return result.status === 'not-proven' || result.status === 'skipped'
    ? (result.reason ?? result.status)
    : undefined
}
