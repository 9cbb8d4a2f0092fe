import { CAPABILITIES_VERSION, CAPABILITY_IDS, type Capabilities, NATIVE } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import type { CaseResult } from '../../src/model/harness.ts'
import { toJson } from '../../src/report/json.ts'
import { toJUnit } from '../../src/report/junit.ts'
import { toMarkdown } from '../../src/report/markdown.ts'
import { aReport } from '../support.ts'

const capabilities: Capabilities = {
  version: CAPABILITIES_VERSION,
  of: Object.fromEntries(CAPABILITY_IDS.map(id => [id, NATIVE])) as Capabilities['of'],
}
const cases: readonly CaseResult[] = [
  { id: 'a.pass@1', title: 'it is <well> & "good"', status: 'pass', ms: 5 },
  {
    id: 'a.fail@1[x|y]',
    title: 'it | fails',
    status: 'fail',
    ms: 6,
    reason: 'Error: <a> & "b"\u0000\n```\nsecond line',
  },
  { id: 'b.refused@1', title: 'refused', status: 'refused', ms: 1, reason: 'unsupported: publish.delay' },
  { id: 'b.not-proven@1', title: 'not proven', status: 'not-proven', ms: 0, reason: 'no raw client' },
  { id: 'b.skipped@1', title: 'skipped', status: 'skipped', ms: 0, reason: 'the run was stopped' },
]
const report = aReport(cases, capabilities)

describe('JSON', () => {
  it('has the documented members, and nothing else', () => {
    const parsed = JSON.parse(toJson(report))
    expect(Object.keys(parsed)).toEqual(['adapter', 'version', 'capabilities', 'cases', 'summary'])
    expect(parsed.cases[1]).toEqual({ ...cases[1] })
  })
})

describe('JUnit', () => {
  const xml = toJUnit(report)

  it('counts failures and what was not shown', () => {
    expect(xml).toContain('tests="5" failures="1" skipped="2" time="1.234"')
  })

  it('escapes markup, and replaces what XML cannot hold', () => {
    expect(xml).toContain('it is &lt;well&gt; &amp; &quot;good&quot;')
    expect(xml).toContain('<failure message="Error: &lt;a&gt; &amp; &quot;b&quot;\u{FFFD}">')
    expect(xml).not.toContain('\u0000')
  })

  it('has one element for each case, closed', () => {
    expect(xml.match(/<testcase /g)).toHaveLength(5)
    expect(xml.match(/<testcase [^>]*\/>|<\/testcase>/g)).toHaveLength(5)
    expect(xml).toContain('<skipped message="not proven: no raw client"/>')
  })
})

describe('Markdown', () => {
  it('keeps a row a row, whatever is in its cells', () => {
    const rows = toMarkdown([report])
      .split('\n')
      .filter(line => line.startsWith('| a.') || line.startsWith('| b.'))
    expect(rows).toHaveLength(5)
    for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(4)
  })

  it('shows several adapters side by side', () => {
    const other = aReport(
      [{ id: 'a.pass@1', title: 'it is', status: 'fail', ms: 1, reason: 'no' }],
      capabilities,
    )
    const row = toMarkdown([report, { ...other, adapter: 'other' }])
      .split('\n')
      .find(line => line.startsWith('| a.pass@1'))
    expect(row).toMatch(/\| ✓ \| ✗ \|$/)
  })

  it('fences a reason that has fences itself', () => {
    expect(toMarkdown([report])).toContain('````\nError: <a>')
  })
})
