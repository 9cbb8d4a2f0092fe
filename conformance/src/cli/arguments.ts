import { parseArgs } from 'node:util'

/** What the command line asks for. */
export type Command =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'suite'
      readonly adapter: string
      readonly files: ReportFiles
      readonly filter?: string
      readonly parallel: number
      readonly repeat: number
      readonly shuffle?: number
      readonly server?: string
    }
  | {
      readonly kind: 'mutants'
      readonly json?: string
      readonly filter?: string
      readonly only?: string
      readonly parallel?: number
    }

export interface ReportFiles {
  readonly json?: string
  readonly markdown?: string
  readonly junit?: string
}

export const HELP = `Runs the conformance suite.

  conformance --adapter NAME [options]     on one adapter
  conformance --mutants [options]          on deliberately broken adapters: which case notices which bug

  --adapter NAME     memory, an adapter of this repository (rabbitmq, nats, redis), or a module (./path.ts,
                     package-name) whose default export is a Harness
  --server NAME      for an adapter that runs on several servers: which (redis: redis, valkey; nats: nats, nats-2.10)
  --json FILE        the report as JSON
  --markdown FILE    as a Markdown matrix
  --junit FILE       as JUnit XML
  --filter TEXT      only cases whose id contains TEXT
  --parallel N       cases at the same time (default 1); with --mutants, worker threads (default 2)
  --repeat N         each case N times (default 1)
  --shuffle SEED     in an order made from SEED, a whole number
  --mutants          run the mutants; reports in the file of --json
  --only TEXT        with --mutants: only mutants whose id contains TEXT
  --help

Exit code: 0 all well, 1 something failed, 2 the command was not understood.
`

/** A command line that was not understood; the message says which part. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const OPTIONS = {
  adapter: { type: 'string' },
  json: { type: 'string' },
  markdown: { type: 'string' },
  junit: { type: 'string' },
  filter: { type: 'string' },
  parallel: { type: 'string' },
  repeat: { type: 'string' },
  shuffle: { type: 'string' },
  server: { type: 'string' },
  mutants: { type: 'boolean' },
  only: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** @throws UsageError */
export function parseCommand(args: readonly string[]): Command {
  const values = parse(args)
  if (values.help === true) return { kind: 'help' }
  const filter = values.filter === undefined ? {} : { filter: values.filter }
  if (values.mutants === true) {
    refuse(values, ['adapter', 'markdown', 'junit', 'repeat', 'shuffle', 'server'], 'together with --mutants')
    return {
      kind: 'mutants',
      ...filter,
      ...(values.json === undefined ? {} : { json: values.json }),
      ...(values.only === undefined ? {} : { only: values.only }),
      ...(values.parallel === undefined ? {} : { parallel: whole('parallel', values.parallel, 1) }),
    }
  }
  refuse(values, ['only'], 'without --mutants')
  if (values.adapter === undefined)
    throw new UsageError('--adapter is missing: name an adapter, or pass --mutants')
  const { json, markdown, junit } = values
  return {
    kind: 'suite',
    adapter: values.adapter,
    files: {
      ...(json === undefined ? {} : { json }),
      ...(markdown === undefined ? {} : { markdown }),
      ...(junit === undefined ? {} : { junit }),
    },
    ...filter,
    parallel: whole('parallel', values.parallel ?? '1', 1),
    repeat: whole('repeat', values.repeat ?? '1', 1),
    ...(values.shuffle === undefined ? {} : { shuffle: whole('shuffle', values.shuffle, 0) }),
    ...(values.server === undefined ? {} : { server: values.server }),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function refuse(values: Readonly<Record<string, unknown>>, names: readonly string[], where: string): void {
  const given = names.filter(name => values[name] !== undefined).map(name => `--${name}`)
  if (given.length > 0) throw new UsageError(`${given.join(', ')} cannot be used ${where}`)
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`--${name} ${text}: pass a whole number of ${least} or more`)
}
