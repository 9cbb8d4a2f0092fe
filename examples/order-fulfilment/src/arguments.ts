import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export const SHIPPED_FILE = fileURLToPath(new URL('../data/orders.jsonl', import.meta.url))
/** Events per second of the shipped file: slow enough to watch. */
const SHIPPED_RATE = 80

export const HELP = `Order fulfilment on Busbar: orders, pricing, billing, shipping and notifications.

Usage: npm run demo -- [options] [FILE]

  FILE         CloudEvents as JSON lines; - reads standard input.
               Default: the file that ships with the demo.
  --rate N     publish at most N events per second.
               Default: ${SHIPPED_RATE} for the shipped file, else as fast as the services keep up.
  --help       show this.

Environment:
  BUS_URL      the broker, e.g. amqp://localhost or nats://localhost. Default: memory:
  BUS_PREFIX   keeps this run apart from others on the same broker. Default: a new one for each run.

Exit codes: 0 all is accounted for, 1 something is missing or doubled or the broker failed,
            2 the command line or the input cannot be used, 130 interrupted.
`

export interface Arguments {
  readonly file: string
  readonly rate: number | undefined
  readonly help: boolean
}

/** What the user got wrong: one sentence, no stack. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parsed(args)
  if (positionals.length > 1) throw new UsageError(`one file at a time, not ${positionals.length}`)
  const [file = SHIPPED_FILE] = positionals
  const rate = values.rate === undefined ? undefined : Number(values.rate)
  if (rate !== undefined && !(Number.isFinite(rate) && rate > 0)) {
    throw new UsageError(`--rate: "${values.rate}" is not a number above 0`)
  }
  return {
    file,
    rate: rate ?? (file === SHIPPED_FILE ? SHIPPED_RATE : undefined),
    help: values.help === true,
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { rate: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    const [problem = ''] = (error as Error).message.split('. ')
    throw new UsageError(problem.replace(/\.$/, ''))
  }
}
