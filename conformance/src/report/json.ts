import type { ConformanceReport } from '../model/harness.ts'

/** The report as a file of its own: for badges, comparisons and later runs. */
export function toJson(report: ConformanceReport): string {
  const { adapter, version, capabilities, cases, summary } = report
  return `${JSON.stringify({ adapter, version, capabilities, cases, summary }, null, 2)}\n`
}
