import { allCases } from '../cases/index.ts'
import type { CaseResult, ConformanceReport } from '../model/harness.ts'
import { type HuntReport, huntMutants } from '../mutants/hunt.ts'
import { toJson } from '../report/json.ts'
import { toJUnit } from '../report/junit.ts'
import { toMarkdown } from '../report/markdown.ts'
import { writeReport } from '../report/write-report.ts'
import { runSuite } from '../runners/run-suite.ts'
import { type Command, HELP, parseCommand, UsageError } from './arguments.ts'
import { loadHarness } from './load-harness.ts'

type SuiteCommand = Extract<Command, { kind: 'suite' }>
type MutantsCommand = Extract<Command, { kind: 'mutants' }>

const say = (line: string) => console.log(line)

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommand(args)
  switch (command.kind) {
    case 'help':
      say(HELP)
      return 0
    case 'suite':
      return suite(command)
    case 'mutants':
      return mutants(command)
  }
}

async function suite(command: SuiteCommand): Promise<number> {
  const { adapter, files, kind: _, ...options } = command
  const harness = await loadHarness(adapter)
  if (options.server !== undefined && harness.servers?.includes(options.server) !== true) {
    const known = harness.servers?.join(', ') ?? 'this adapter has no servers to choose from'
    throw new UsageError(`--server ${options.server}: not one of ${known}`)
  }
  const report = await runSuite(harness, allCases, { ...options, onResult: showResult })
  if (report.cases.length === 0)
    throw new UsageError(`--filter ${command.filter ?? ''}: no case has it in its id`)
  await writeReports(report, files)
  const { pass, fail, refused, skipped, total, ms } = report.summary
  say(
    `\n${report.adapter} (${report.version}): ${total} cases in ${(ms / 1000).toFixed(1)} s, ${refused} refused as they should be, ${report.summary['not-proven']} not proven, ${skipped} skipped`,
  )
  say(`${pass + refused} passed, ${fail} failed`)
  return fail > 0 ? 1 : 0
}

function showResult({ id, status, ms, reason }: CaseResult): void {
  if (status === 'pass') say(`  pass        ${id} (${ms} ms)`)
  else
    say(
      `  ${status.padEnd(10)}  ${id} (${ms} ms)\n              ${(reason ?? '').replaceAll('\n', '\n              ')}`,
    )
}

async function writeReports(report: ConformanceReport, files: SuiteCommand['files']): Promise<void> {
  if (files.json !== undefined) await writeReport(files.json, toJson(report))
  if (files.markdown !== undefined) await writeReport(files.markdown, toMarkdown([report]))
  if (files.junit !== undefined) await writeReport(files.junit, toJUnit(report))
}

async function mutants(command: MutantsCommand): Promise<number> {
  const { json, only, kind: _, ...options } = command
  const report = await huntMutants({
    ...options,
    ...(only === undefined ? {} : { mutants: only }),
    onMutant: ({ id, killedBy }) =>
      say(
        killedBy.length === 0
          ? `  ALIVE   ${id}`
          : `  killed  ${id} (by ${killedBy.length}: ${killedBy[0]}${killedBy.length > 1 ? ', …' : ''})`,
      ),
  })
  if (report.mutants.length === 0) throw new UsageError(`--only ${only ?? ''}: no mutant has it in its id`)
  if (json !== undefined) await writeReport(json, `${JSON.stringify(report, null, 2)}\n`)
  return summariseHunt(report)
}

function summariseHunt({ mutants: hunted, cases, summary }: HuntReport): number {
  for (const mutant of hunted) if (mutant.killedBy.length === 0) say(`alive: ${mutant.id}: ${mutant.bug}`)
  for (const item of cases) {
    if (item.reason !== undefined) say(`took no part: ${item.id}: ${item.reason}`)
    else if (item.kills.length === 0) say(`kills nothing: ${item.id}`)
    else if (item.sharp.length === 0) say(`kills only what most cases notice: ${item.id}`)
  }
  const { killed, alive, idle, failing, notProven, ms } = summary
  const failed = alive + idle + failing
  say(
    `\n${cases.length} cases on ${hunted.length} mutants in ${(ms / 1000).toFixed(1)} s, ${notProven} cases not proven here`,
  )
  say(`${killed} killed, ${alive} alive`)
  say(`${killed} passed, ${failed} failed`)
  return failed > 0 ? 1 : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  // By name: what starts brokers is not part of the published package, and only a harness may bring it.
  const isSetup = error instanceof Error && error.name === 'BrokerSetupError'
  if (!isSetup && !(error instanceof UsageError)) throw error
  console.error(isSetup ? error.message : `${(error as Error).message}\n\n${HELP}`)
  process.exitCode = isSetup ? 1 : 2
}
