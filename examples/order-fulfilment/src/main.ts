import { randomBytes } from 'node:crypto'
import { isBusError } from '@busbar/core'
import { HELP, readArguments, SHIPPED_FILE, UsageError } from './arguments.ts'
import { fulfil } from './fulfilment.ts'
import { openInput } from './input.ts'

const INTERRUPTED = 130

/** Each `memory:` bus has a broker of its own; services that talk to each other share one by its name. */
const shared = (url: string) => url.replace(/^memory:(?=$|\?)/, 'memory:order-fulfilment')

async function main(): Promise<number> {
  const { file, rate, help } = readArguments(process.argv.slice(2))
  if (help) {
    process.stdout.write(HELP)
    return 0
  }
  const interruption = new AbortController()
  const input = await openInput(file, interruption.signal)
  process.once('SIGINT', () => {
    process.stderr.write('\nStopping: finishing what runs. Press Ctrl-C again to leave at once.\n')
    interruption.abort()
    process.once('SIGINT', () => process.exit(INTERRUPTED))
  })
  const ok = await fulfil({
    url: shared(process.env.BUS_URL ?? 'memory:'),
    prefix: process.env.BUS_PREFIX ?? `demo-${randomBytes(4).toString('hex')}`,
    input,
    inputName: file === '-' ? 'standard input' : file === SHIPPED_FILE ? 'the shipped file' : file,
    rate,
    out: process.stdout,
    signal: interruption.signal,
  })
  if (interruption.signal.aborted) return INTERRUPTED
  return ok ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  const usage = error instanceof UsageError
  const known = usage || isBusError(error)
  process.stderr.write(`demo: ${known ? error.message : String((error as Error)?.stack ?? error)}\n`)
  if (usage) process.stderr.write('Try --help.\n')
  process.exitCode = usage ? 2 : 1
}
