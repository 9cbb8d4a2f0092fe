import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BusError, isBusError } from '@busbar/core'
import { ADAPTERS, adapterBench } from './adapters/index.ts'
import { benchArguments, type Subject } from './arguments.ts'
import { coreScenario } from './core/scenario.ts'
import { type Case, type Figure, measure } from './measure.ts'
import { HEADER, line, ratioLine, report } from './report.ts'

const SCENARIOS: Readonly<Record<string, readonly Case[]>> = { core: coreScenario }

interface Bench {
  readonly cases: readonly Case[]
  readonly server?: string
  readonly mode?: string
}

async function benchOf(subject: Subject): Promise<Bench> {
  if ('scenario' in subject) return { cases: SCENARIOS[subject.scenario] ?? [] }
  const bench = await adapterBench(subject.adapter, text => console.error(text))
  console.log(`${bench.server}, ${bench.mode} content mode`)
  return bench
}

async function main(): Promise<void> {
  const known = { scenarios: Object.keys(SCENARIOS), adapters: ADAPTERS }
  const { subject, json, rounds, only } = benchArguments(process.argv.slice(2), known)
  const { cases: all, ...place } = await benchOf(subject)
  const cases = all.filter(({ group, name }) => `${group} ${name}`.includes(only))
  if (cases.length === 0) throw new BusError('INVALID_OPTIONS', `bench: no case has "${only}" in its name`)
  const figures: Figure[] = []
  for (const [group, together] of Map.groupBy(cases, item => item.group)) {
    console.log(`\n${group}, each event\n${HEADER}`)
    const measured = await measure(together, rounds, 'adapter' in subject ? 1 : 3)
    figures.push(...measured)
    for (const figure of measured) console.log(line(figure))
  }
  const result = report('adapter' in subject ? subject.adapter : subject.scenario, rounds, figures, place)
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
