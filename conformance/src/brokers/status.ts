import { type BrokerName, recipe as recipeOf } from './catalogue.ts'
import { clientHost } from './client-host.ts'
import type { Engine } from './engine.ts'
import { type Environment, existingUrl } from './environment.ts'
import { containerName } from './run-container.ts'

export type BrokerState =
  /** `ours`: in a container of this project, rather than named by the environment. */
  | {
      readonly kind: 'serves'
      readonly url: string
      readonly version: string | undefined
      readonly ours: boolean
    }
  | { readonly kind: 'silent'; readonly url: string; readonly reason: string }
  | { readonly kind: 'absent' }

const PROBE_TIMEOUT_MS = 3_000

/** What a broker does now; nothing is started. */
export async function brokerState(
  name: BrokerName,
  engine: Engine | undefined,
  environment: Environment,
): Promise<BrokerState> {
  const recipe = recipeOf(name)
  const existing = existingUrl(name, environment)
  if (existing === undefined && !(await isRunning(name, engine))) return { kind: 'absent' }
  const url = existing ?? new URL(recipe.url(await clientHost(engine), recipe.hostPort))
  try {
    const version = await recipe.probe(url, AbortSignal.timeout(PROBE_TIMEOUT_MS))
    return { kind: 'serves', url: url.href, version, ours: existing === undefined }
  } catch (error) {
    return { kind: 'silent', url: url.href, reason: error instanceof Error ? error.message : String(error) }
  }
}

async function isRunning(name: BrokerName, engine: Engine | undefined): Promise<boolean> {
  if (engine === undefined) return false
  try {
    const { State } = await engine.container.getById(containerName(name)).inspect()
    return State.Running
  } catch {
    return false
  }
}
