import { type BrokerName, recipe as recipeOf } from './catalogue.ts'
import { clientHost } from './client-host.ts'
import { containerBroker } from './container-broker.ts'
import { ensureEngine } from './engine.ts'
import { type Environment, existingUrl } from './environment.ts'
import { externalBroker } from './external-broker.ts'
import { obtainImage } from './obtain-image.ts'
import { runContainer } from './run-container.ts'
import type { StartedBroker } from './started-broker.ts'

export interface StartOptions {
  /**
   * A name for a container of its own, so that what a test does to it disturbs nobody: `busbar-nats-NAME`, on a free
   * port. Without it: the one shared container `busbar-nats`, on a fixed port, left running for the next caller.
   */
  readonly instance?: string
  /** Further arguments of the server, after the image's or the recipe's own. */
  readonly extraArguments?: readonly string[]
  /** Further environment variables of the server. Only for an instance. */
  readonly settings?: Readonly<Record<string, string>>
  /** Texts to put into the container before its first start, by their absolute paths. Only for an instance. */
  readonly files?: Readonly<Record<string, string>>
  /** Further ports of the server, inside the container, to publish; see `StartedBroker.portOf`. Only for an instance. */
  readonly ports?: readonly number[]
  /** How long it may take to serve clients, from the start of the container, in milliseconds. Default: 90,000. */
  readonly timeoutMs?: number
  /** Where `BUSBAR_…` is read. Default: `process.env`. */
  readonly environment?: Environment
  /** Told what is being installed, pulled, built and started. Default: nobody. */
  readonly report?: (line: string) => void
}

/**
 * A broker that serves clients: the one `BUSBAR_<BROKER>_URL` names, or one in a container, which is started unless
 * it runs already.
 * @throws BrokerSetupError with the remedy when there is no engine, no image, or no answer from the server in time.
 */
export async function startBroker(name: BrokerName, options: StartOptions = {}): Promise<StartedBroker> {
  const { environment = process.env, report = () => {}, timeoutMs = 90_000 } = options
  const recipe = recipeOf(name)
  const existing = existingUrl(name, environment)
  if (existing !== undefined) return externalBroker(recipe, existing, timeoutMs)
  const engine = await ensureEngine(report)
  const image = await obtainImage(engine, recipe, environment, report)
  const host = await clientHost(engine)
  const { container, port, adminPort, published } = await runContainer({
    engine,
    recipe,
    image,
    host,
    options,
    report,
  })
  return containerBroker({
    engine,
    container,
    recipe,
    image,
    url: recipe.url(host, port),
    adminUrl: adminPort === undefined ? undefined : `http://${host}:${adminPort}`,
    published,
    timeoutMs,
  })
}
