import { parseArgs } from 'node:util'
import { BusError } from '@busbar/core'

/** What is measured: a scenario of core's own, or an adapter beside its raw driver. */
export type Subject = { readonly scenario: string } | { readonly adapter: string }

export interface BenchArguments {
  readonly subject: Subject
  /** Where the figures go as JSON; only printed when absent. */
  readonly json: string | undefined
  /** Timed rounds of each case. */
  readonly rounds: number
  /** Only cases whose group or name has this in it. */
  readonly only: string
}

const OPTIONS = {
  scenario: { type: 'string' },
  adapter: { type: 'string' },
  json: { type: 'string' },
  rounds: { type: 'string' },
  only: { type: 'string' },
} as const

/** A round over a network takes seconds, one in memory a fraction of one. */
const DEFAULT_ROUNDS = { scenario: 9, adapter: 5 }

export interface Known {
  readonly scenarios: readonly string[]
  readonly adapters: readonly string[]
}

/** @throws BusError INVALID_OPTIONS for an unknown flag, subject or value, with what is known. */
export function benchArguments(argv: readonly string[], known: Known): BenchArguments {
  const { scenario, adapter, json, rounds, only = '' } = parse(argv, known)
  const subject = subjectOf(scenario, adapter, known)
  const count =
    rounds === undefined ? DEFAULT_ROUNDS['adapter' in subject ? 'adapter' : 'scenario'] : Number(rounds)
  if (!Number.isInteger(count) || count < 1 || count > 1_000)
    throw usage('--rounds', `"${rounds}" is not a whole number from 1 to 1000`, known)
  return { subject, json, rounds: count, only }
}

function parse(args: readonly string[], known: Known) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values
  } catch (cause) {
    throw usage('arguments', cause instanceof Error ? cause.message : String(cause), known)
  }
}

function subjectOf(scenario: string | undefined, adapter: string | undefined, known: Known): Subject {
  if (scenario !== undefined && adapter !== undefined)
    throw usage('--adapter', 'is there beside --scenario', known)
  if (adapter !== undefined) {
    if (!known.adapters.includes(adapter)) throw usage('--adapter', `"${adapter}" is unknown`, known)
    return { adapter }
  }
  if (scenario === undefined) throw usage('--scenario', 'is missing', known)
  if (!known.scenarios.includes(scenario)) throw usage('--scenario', `"${scenario}" is unknown`, known)
  return { scenario }
}

const usage = (field: string, problem: string, { scenarios, adapters }: Known) =>
  new BusError('INVALID_OPTIONS', `bench: ${field}: ${problem}`, {
    field,
    remedy: `npm run bench -- --scenario ${scenarios.join('|')} or --adapter ${adapters.join('|')} [--only TEXT] [--rounds N] [--json FILE]`,
  })
