import { CAPABILITY_IDS } from '@busbar/core/adapter'
import type { CaseStatus, ConformanceReport } from '../model/harness.ts'

const MARK: Readonly<Record<CaseStatus, string>> = {
  pass: '✓',
  fail: '✗',
  refused: 'refused',
  'not-proven': 'not proven',
  skipped: 'skipped',
}

/** One matrix for any number of adapters: what each declares, and what each case showed. */
export function toMarkdown(reports: readonly ConformanceReport[]): string {
  const names = reports.map(report => escapeCell(`${report.adapter} (${report.version})`))
  const sections = [
    '# Conformance',
    table(['', ...names], summaryRows(reports)),
    '## Capabilities',
    table(['capability', ...names], capabilityRows(reports)),
    '## Cases',
    table(['case', 'promise', ...names], caseRows(reports)),
    ...failures(reports),
  ]
  return `${sections.join('\n\n')}\n`
}

function summaryRows(reports: readonly ConformanceReport[]): string[][] {
  const statuses: readonly CaseStatus[] = ['pass', 'fail', 'refused', 'not-proven', 'skipped']
  return statuses.map(status => [status, ...reports.map(report => String(report.summary[status]))])
}

function capabilityRows(reports: readonly ConformanceReport[]): string[][] {
  return CAPABILITY_IDS.map(id => [id, ...reports.map(report => report.capabilities.of[id].support)])
}

function caseRows(reports: readonly ConformanceReport[]): string[][] {
  const titles = new Map(
    reports.flatMap(report => report.cases.map(result => [result.id, result.title] as const)),
  )
  // A case that was run several times shows its worst result.
  const worst: readonly CaseStatus[] = ['fail', 'skipped', 'not-proven', 'refused', 'pass']
  return [...titles].map(([id, title]) => [
    escapeCell(id),
    escapeCell(title),
    ...reports.map(report => {
      const seen = new Set(report.cases.filter(result => result.id === id).map(result => result.status))
      const status = worst.find(candidate => seen.has(candidate))
      return status === undefined ? '' : MARK[status]
    }),
  ])
}

function failures(reports: readonly ConformanceReport[]): string[] {
  const failed = reports.flatMap(report =>
    report.cases
      .filter(result => result.status === 'fail')
      .map(result => `### ${report.adapter}: ${escapeCell(result.id)}\n\n${fenced(result.reason ?? '')}`),
  )
  return failed.length === 0 ? [] : ['## Failures', ...failed]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** A cell ends at a bar and at a line's end, and must not become markup. */
function escapeCell(text: string): string {
  return text.replaceAll(/[\\|`*_<[\]]/g, character => `\\${character}`).replaceAll(/\s+/g, ' ')
}

/** A fence longer than any run of backticks inside. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text}\n${fence}`
}
