import { type BrokersCommand, BrokersUsageError, HELP, parseBrokersCommand } from './arguments.ts'
import { type BrokerName, recipe } from './catalogue.ts'
import { findEngine } from './engine.ts'
import { printable } from './environment.ts'
import { removeContainers } from './remove-containers.ts'
import { BrokerSetupError } from './setup-error.ts'
import { startBroker } from './start-broker.ts'
import { brokerState } from './status.ts'

const say = (line: string) => console.log(line)

async function main(command: BrokersCommand): Promise<number> {
  switch (command.kind) {
    case 'help':
      say(HELP)
      return 0
    case 'up':
      return up(command.names)
    case 'down':
      return down(command.names)
    case 'status':
      return status(command.names)
  }
}

/** One after the other: building and starting several at once is slower on few cores, and its output a muddle. */
async function up(names: readonly BrokerName[]): Promise<number> {
  const lines: string[] = []
  let failed = 0
  for (const name of names) {
    const start = performance.now()
    try {
      const { url, version, image, adminUrl } = await startBroker(name, { report: say })
      const from = image ?? 'already there'
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      lines.push(row(name, version, shown(url, image !== undefined), `${from}, ${seconds} s`))
      if (adminUrl !== undefined) lines.push(row('', '', adminUrl, 'management or monitoring'))
    } catch (error) {
      if (!(error instanceof BrokerSetupError)) throw error
      failed++
      lines.push(`${row(name, 'failed', '', '')}\n${error.message.replaceAll(/^/gm, '    ')}`)
    }
  }
  say(`\n${lines.join('\n')}`)
  return failed === 0 ? 0 : 1
}

async function down(names: readonly BrokerName[]): Promise<number> {
  const engine = await findEngine()
  if (engine === undefined) say('No container engine runs, and so no broker in a container')
  else {
    const removed = await removeContainers(engine, names)
    say(removed.length === 0 ? 'None was running' : `Removed: ${removed.join(', ')}`)
  }
  return 0
}

async function status(names: readonly BrokerName[]): Promise<number> {
  const engine = await findEngine()
  let silent = 0
  for (const name of names) {
    const state = await brokerState(name, engine, process.env)
    if (state.kind === 'absent') say(row(name, '-', 'not running', ''))
    else if (state.kind === 'serves')
      say(row(name, state.version ?? 'unknown', shown(state.url, state.ours), 'serves'))
    else {
      silent++
      say(row(name, '-', printable(state.url), `does not answer: ${state.reason}`))
    }
  }
  return silent === 0 ? 0 : 1
}

/** Our own containers have their well-known password; that of somebody else's broker stays out of logs. */
function shown(url: string, ours: boolean): string {
  return ours ? url : printable(url)
}

function row(name: string, version: string, url: string, note: string): string {
  const title = name === '' ? '' : recipe(name as BrokerName).title
  return `${name.padEnd(11)} ${title.padEnd(25)} ${version.padEnd(9)} ${url.padEnd(40)} ${note}`.trimEnd()
}

try {
  process.exitCode = await main(parseBrokersCommand(process.argv.slice(2)))
} catch (error) {
  if (error instanceof BrokersUsageError) {
    console.error(`${error.message}\n\n${HELP}`)
    process.exitCode = 2
  } else if (error instanceof BrokerSetupError) {
    console.error(error.message)
    process.exitCode = 1
  } else throw error
}
