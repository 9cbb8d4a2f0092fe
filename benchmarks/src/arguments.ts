import { parseArgs } from 'node:util'
import { BusError } from '@busbar/core'

export interface BenchArguments {
  readonly scenario: string
  /** Where the figures go as JSON; only printed when absent. */
  readonly json: string | undefined
  /** Timed rounds of each case. */
  readonly rounds: number
  /** Only cases whose group or name has this in it. */
  readonly only: string
}

const OPTIONS = {
  scenario: { type: 'string' },
  json: { type: 'string' },
  rounds: { type: 'string' },
  only: { type: 'string' },
} as const

/** @throws BusError INVALID_OPTIONS for an unknown flag, scenario or value, with what is known. */
export function benchArguments(argv: readonly string[], scenarios: readonly string[]): BenchArguments {
  const { scenario, json, rounds, only = '' } = parse(argv)
  if (scenario === undefined || !scenarios.includes(scenario))
    throw usage(
      '--scenario',
      `${scenario === undefined ? 'is missing' : `"${scenario}" is unknown`}`,
      scenarios,
    )
  const count = rounds === undefined ? 9 : Number(rounds)
  if (!Number.isInteger(count) || count < 1 || count > 1_000)
    throw usage('--rounds', `"${rounds}" is not a whole number from 1 to 1000`, scenarios)
  return { scenario, json, rounds: count, only }

  function parse(args: readonly string[]) {
    try {
      return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values
    } catch (cause) {
      throw usage('arguments', cause instanceof Error ? cause.message : String(cause), scenarios)
    }
  }
}

const usage = (field: string, problem: string, scenarios: readonly string[]) =>
  new BusError('INVALID_OPTIONS', `bench: ${field}: ${problem}`, {
    field,
    remedy: `npm run bench -- --scenario ${scenarios.join('|')} [--only TEXT] [--rounds N] [--json FILE]`,
  })
