import type { BrokerRecipe } from './catalogue.ts'
import { textOfFrames } from './container-output.ts'
import type { Engine } from './engine.ts'
import { untilReady } from './readiness.ts'
import { BrokerSetupError } from './setup-error.ts'
import type { StartedBroker } from './started-broker.ts'

/** A server gets this long to close its files before the engine kills it. */
const DEFAULT_STOP_GRACE_S = 20

type Container = ReturnType<Engine['container']['getById']>

export interface RunningContainer {
  readonly engine: Engine
  readonly container: Container
  readonly recipe: BrokerRecipe
  readonly image: string
  readonly url: string
  readonly adminUrl: string | undefined
  /** Ports of the host by ports of the container. */
  readonly published: ReadonlyMap<number, number>
  readonly timeoutMs: number
}

/** The broker in a container that has been started, once it serves clients. */
export async function containerBroker(running: RunningContainer): Promise<StartedBroker> {
  const { container, recipe, image, url, adminUrl } = running
  const { stopGraceS = DEFAULT_STOP_GRACE_S } = recipe
  const told = await ready(running)
  const version = told ?? (await versionInside(running)) ?? 'unknown'
  const start = async () => {
    await container.start()
    await ready(running)
  }
  return {
    url,
    version,
    image,
    adminUrl,
    portOf(inside) {
      const port = running.published.get(inside)
      if (port === undefined) throw new BrokerSetupError(`port ${inside} of ${recipe.title} is not published`)
      return port
    },
    controllable: true,
    start,
    restart: async () => {
      await container.stop({ t: stopGraceS })
      await start()
    },
    stop: async () => {
      await container.stop({ t: stopGraceS })
    },
    kill: async () => {
      await container.kill()
      // The engine answers when the signal is sent, and refuses to start what has not ended yet.
      await container.wait()
    },
    pause: async () => {
      await container.pause()
    },
    resume: async () => {
      await container.unpause()
      await untilReady(recipe, new URL(url), running.timeoutMs)
    },
    logs: () => logsOf(container),
    exec: command => execIn(running, command),
    remove: async () => {
      await container.remove({ force: true, v: true })
    },
  }
}

async function ready(running: RunningContainer): Promise<string | undefined> {
  const { container, recipe, url, timeoutMs } = running
  try {
    return await untilReady(recipe, new URL(url), timeoutMs, async () => {
      const { State } = await container.inspect()
      return State.Running
    })
  } catch (error) {
    if (!(error instanceof BrokerSetupError)) throw error
    const end = (await logsOf(container)).split('\n').slice(-20).join('\n')
    throw new BrokerSetupError(`${error.message}\nThe end of its log:\n${end}`, { cause: error })
  }
}

async function logsOf(container: Container): Promise<string> {
  return textOfFrames(await container.logs({ stdout: true, stderr: true, follow: false }))
}

async function execIn({ engine, container }: RunningContainer, command: readonly string[]): Promise<string> {
  const { output, exitCode } = await engine.container.exec(container, [...command])
  if (exitCode === 0) return output
  throw new BrokerSetupError(`${command.join(' ')} ended with ${exitCode}: ${output}`)
}

async function versionInside(running: RunningContainer): Promise<string | undefined> {
  const { version } = running.recipe
  if (version === undefined) return undefined
  // Only for the record: an image that keeps its files elsewhere is no reason to refuse it.
  const { output } = await running.engine.container.exec(running.container, [...version.command])
  return version.pattern.exec(output)?.[1]
}
