import { type Adapter, type Capabilities, type CapabilityId, unsupported } from '@busbar/core/adapter'
import { memoryHarness } from '../src/harness/memory.ts'
import type { ConformanceCase } from '../src/model/case.ts'
import type { CaseResult, ConformanceReport, Harness } from '../src/model/harness.ts'
import { type RunOptions, runSuite } from '../src/runners/run-suite.ts'
import { overlay } from '../src/wrap/overlay.ts'

export function aCase(run: ConformanceCase['run'], more: Partial<ConformanceCase> = {}): ConformanceCase {
  return { id: 'sample.case@1', title: 'a sample', requires: [], run, ...more }
}

/** The embedded broker with a manifest that denies some of what it can do. */
export function without(...ids: readonly CapabilityId[]): Harness {
  const deny = (capabilities: Capabilities): Capabilities => ({
    ...capabilities,
    of: { ...capabilities.of, ...Object.fromEntries(ids.map(id => [id, unsupported('denied by a test')])) },
  })
  const denying = (adapter: Adapter): Adapter =>
    overlay(adapter, {
      capabilities: deny(adapter.capabilities),
      async connect(context) {
        const broker = await adapter.connect(context)
        return overlay(broker, { capabilities: deny(broker.capabilities) })
      },
    })
  return {
    ...memoryHarness,
    async open() {
      const environment = await memoryHarness.open()
      return { ...environment, adapter: options => denying(environment.adapter(options)) }
    },
  }
}

export async function resultOf(
  item: ConformanceCase,
  options: RunOptions & { readonly harness?: Harness } = {},
): Promise<CaseResult> {
  const { harness = memoryHarness, ...others } = options
  const report = await runSuite(harness, [item], { probe: false, ...others })
  const [result] = report.cases
  if (result === undefined) throw new Error('the case was not run')
  return result
}

/** A report with one case of each kind, for the writers. */
export function aReport(cases: readonly CaseResult[], capabilities: Capabilities): ConformanceReport {
  const count = (status: CaseResult['status']) => cases.filter(item => item.status === status).length
  return {
    adapter: 'sample',
    version: 'Sample 1.0',
    capabilities,
    cases,
    summary: {
      pass: count('pass'),
      fail: count('fail'),
      refused: count('refused'),
      'not-proven': count('not-proven'),
      skipped: count('skipped'),
      total: cases.length,
      ms: 1_234,
    },
  }
}
