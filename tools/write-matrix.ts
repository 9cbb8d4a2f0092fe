/**
 * Writes the conformance matrix into the README, between its markers, from reports of `npm run conformance -- --json FILE`.
 *
 * Run by `npm run matrix -- FILE…`, one report for each adapter.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Report {
  readonly adapter: string
  readonly version: string
  readonly cases: readonly { readonly id: string; readonly status: string }[]
}

const files = process.argv.slice(2)
if (files.length === 0) {
  console.error('matrix: no report named - npm run matrix -- reports/conformance-memory.json')
  process.exit(2)
}
const reports = files.map(file => JSON.parse(readFileSync(file, 'utf8')) as Report)
const date = files
  .map(file => statSync(file).mtime.toISOString().slice(0, 10))
  .sort()
  .at(-1)

const areaOf = (id: string) => id.split('.')[0] ?? id
const areas = [...new Set(reports.flatMap(report => report.cases.map(result => areaOf(result.id))))]

/** `23`, or with what is not a pass named: `21, 2 refused`. */
function cell(report: Report, wanted: (id: string) => boolean): string {
  const counts = new Map<string, number>()
  for (const { id, status } of report.cases) if (wanted(id)) counts.set(status, (counts.get(status) ?? 0) + 1)
  const passed = counts.get('pass') ?? 0
  counts.delete('pass')
  return [String(passed), ...[...counts].map(([status, count]) => `${count} ${status}`)].join(', ')
}

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const table = [
  row([
    'runs that pass',
    ...reports.map(({ adapter, version }) =>
      version.startsWith(adapter) ? version : `${adapter} (${version})`,
    ),
  ]),
  row(['---', ...reports.map(() => '---:')]),
  ...areas.map(area => row([area, ...reports.map(report => cell(report, id => areaOf(id) === area))])),
  row(['**all**', ...reports.map(report => `**${cell(report, () => true)}**`)]),
]

const readme = join(import.meta.dirname, '..', 'README.md')
const text = readFileSync(readme, 'utf8')
const [before, rest] = text.split('<!-- conformance:begin -->')
const after = rest?.split('<!-- conformance:end -->')[1]
if (before === undefined || after === undefined) throw new Error('README.md has lost its conformance markers')
const section = `\n\nMeasured on ${date}, by permutation; the JSON, Markdown or JUnit report of a run names every case.\n\n${table.join('\n')}\n\n`
writeFileSync(readme, `${before}<!-- conformance:begin -->${section}<!-- conformance:end -->${after}`)
