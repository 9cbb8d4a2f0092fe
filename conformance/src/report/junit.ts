import type { CaseResult, ConformanceReport } from '../model/harness.ts'

/** JUnit's XML, as CI servers read it. Cases that are not proven or skipped appear as skipped, with the reason. */
export function toJUnit(report: ConformanceReport): string {
  const { summary } = report
  const name = attribute(`conformance of ${report.adapter} (${report.version})`)
  const skipped = summary.skipped + summary['not-proven']
  const counts = `tests="${summary.total}" failures="${summary.fail}" skipped="${skipped}" time="${seconds(summary.ms)}"`
  const cases = report.cases.map(result => testCase(report.adapter, result))
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${name}" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function testCase(adapter: string, result: CaseResult): string {
  const area = result.id.split('.')[0] ?? ''
  const head = `classname="${attribute(`${adapter}.${area}`)}" name="${attribute(`${result.id}: ${result.title}`)}" time="${seconds(result.ms)}"`
  const body = inside(result)
  return body === undefined ? `    <testcase ${head}/>` : `    <testcase ${head}>${body}</testcase>`
}

function inside(result: CaseResult): string | undefined {
  const reason = result.reason ?? result.status
  switch (result.status) {
    case 'pass':
      return undefined
    case 'fail':
      return `<failure message="${attribute(reason.split('\n')[0] ?? '')}">${text(reason)}</failure>`
    case 'refused':
      return `<system-out>${text(`refused, as it should be: ${reason}`)}</system-out>`
    case 'not-proven':
      return `<skipped message="${attribute(`not proven: ${reason}`)}"/>`
    case 'skipped':
      return `<skipped message="${attribute(reason)}"/>`
  }
}

const seconds = (ms: number) => (ms / 1000).toFixed(3)

// XML 1.0 forbids most control characters even as references.
const FORBIDDEN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const text = (value: string) =>
  value.replace(FORBIDDEN, '\u{FFFD}').replaceAll(/[&<>"]/g, character => ENTITIES[character] ?? character)

const attribute = (value: string) => text(value).replaceAll(/[\t\n\r]/g, ' ')
