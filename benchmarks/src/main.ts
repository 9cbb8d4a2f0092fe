import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BusError, isBusError } from '@busbar/core'
import { ADAPTERS, adapterCases } from './adapters/index.ts'
import { benchArguments } from './arguments.ts'
import { coreScenario } from './core/scenario.ts'
import { type Case, type Figure, measure } from './measure.ts'
import { HEADER, line, ratioLine, report } from './report.ts'

const SCENARIOS: Readonly<Record<string, readonly Case[]>> = { core: coreScenario }

async function main(): Promise<void> {
  const known = { scenarios: Object.keys(SCENARIOS), adapters: ADAPTERS }
  const { subject, json, rounds, only } = benchArguments(process.argv.slice(2), known)
  const figures: Figure[] = []
  let group = ''
  const all = 'adapter' in subject ? await adapterCases(subject.adapter) : (SCENARIOS[subject.scenario] ?? [])
  const cases = all.filter(({ group, name }) => `${group} ${name}`.includes(only))
  if (cases.length === 0) throw new BusError('INVALID_OPTIONS', `bench: no case has "${only}" in its name`)
  for (const item of cases) {
    if (item.group !== group) {
      group = item.group
      console.log(`\n${group}, each event\n${HEADER}`)
    }
    const figure = await measure(item, rounds, 'adapter' in subject ? 1 : 3)
    figures.push(figure)
    console.log(line(figure))
  }
  const result = report('adapter' in subject ? subject.adapter : subject.scenario, rounds, figures)
  if (result.ratios.length > 0) console.log(`\n${result.ratios.map(ratioLine).join('\n')}`)
  if (json === undefined) return
  await mkdir(dirname(json), { recursive: true })
  await writeFile(json, `${JSON.stringify(result, undefined, 2)}\n`)
}

try {
  await main()
} catch (error) {
  console.error(isBusError(error) ? error.message : error)
  process.exitCode = 1
}
