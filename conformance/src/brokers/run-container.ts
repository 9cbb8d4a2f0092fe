import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { pack } from 'tar-stream'
import type { BrokerName, BrokerRecipe } from './catalogue.ts'
import type { Engine } from './engine.ts'
import { freePort } from './free-port.ts'

export type Container = ReturnType<Engine['container']['getById']>

export interface ContainerRequest {
  readonly engine: Engine
  readonly recipe: BrokerRecipe
  readonly image: string
  /** By which clients reach the engine's published ports. */
  readonly host: string
  readonly options: {
    readonly instance?: string
    readonly extraArguments?: readonly string[]
    readonly settings?: Readonly<Record<string, string>>
    readonly files?: Readonly<Record<string, string>>
    readonly ports?: readonly number[]
  }
  readonly report: (line: string) => void
}

export interface Ports {
  readonly port: number
  readonly adminPort: number | undefined
  /** All of them: ports of the host by ports of the container. */
  readonly published: ReadonlyMap<number, number>
}

/** Set on every container made here, so that `brokers down` finds them. */
export const BROKER_LABEL = 'busbar.broker'
const RECIPE_LABEL = 'busbar.recipe'
const CONFLICT = 409
const CONFLICT_PAUSE_MS = 100

export function containerName(name: BrokerName, instance?: string): string {
  return instance === undefined ? `busbar-${name}` : `busbar-${name}-${instance}`
}

/** The container of that name, running: as it is, started again, or made anew when it was made otherwise. */
export async function runContainer(
  request: ContainerRequest,
  tries = 20,
): Promise<{ container: Container } & Ports> {
  const { engine, recipe, image, host, options, report } = request
  const name = containerName(recipe.name, options.instance)
  const { Id: imageId } = await engine.container.dockerode.getImage(image).inspect()
  // Port 0: an instance gets a free port once, and keeps it whatever the next caller would draw.
  const server = [recipe.command, recipe.environment?.(host, 0)]
  const made = fingerprint([
    imageId,
    server,
    options.extraArguments,
    options.settings,
    options.files,
    options.ports,
  ])
  const found = await inspect(engine, name)
  if (found !== undefined && found.Config.Labels[RECIPE_LABEL] === made) {
    const container = engine.container.getById(found.Id)
    if (found.State.Paused) await container.unpause()
    else if (!found.State.Running) await container.start()
    return { container, ...publishedPorts(recipe, found.HostConfig.PortBindings) }
  }
  if (found !== undefined) {
    report(`  ${name}  was made from another image or with other settings: replaced`)
    await engine.container.getById(found.Id).remove({ force: true, v: true })
  }
  const ports = await portsFor(recipe, options)
  report(`  ${name}  starting from ${image}`)
  try {
    const container = await engine.container.dockerode.createContainer({
      name,
      Labels: { [RECIPE_LABEL]: made, [BROKER_LABEL]: recipe.name },
      ...createOptions(request, ports),
    })
    if (options.files !== undefined) await putFiles(container, options.files)
    await container.start()
    return { container, ...ports }
  } catch (error) {
    if (statusOf(error) !== CONFLICT || tries <= 1) throw error
    // Somebody else is making it. The engine reserves the name first, and knows the container a little later.
    await sleep(CONFLICT_PAUSE_MS)
    return runContainer(request, tries - 1)
  }
}

type State = Awaited<ReturnType<Container['inspect']>>

async function inspect(engine: Engine, name: string): Promise<State | undefined> {
  try {
    return await engine.container.getById(name).inspect()
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

function statusOf(error: unknown): unknown {
  return (error as { readonly statusCode?: unknown }).statusCode
}

function fingerprint(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

async function portsFor(
  { port, hostPort, admin }: BrokerRecipe,
  { instance, ports = [] }: ContainerRequest['options'],
): Promise<Ports> {
  const own = async (shared: number) => (instance === undefined ? shared : freePort())
  const published = new Map([[port, await own(hostPort)]])
  if (admin !== undefined) published.set(admin.port, await own(admin.hostPort))
  for (const inside of ports) published.set(inside, await freePort())
  return namedPorts(port, admin?.port, published)
}

function namedPorts(
  client: number,
  admin: number | undefined,
  published: ReadonlyMap<number, number>,
): Ports {
  return {
    port: published.get(client) ?? client,
    adminPort: admin === undefined ? undefined : published.get(admin),
    published,
  }
}

function createOptions({ recipe, image, host, options }: ContainerRequest, ports: Ports) {
  const { extraArguments = [], settings = {} } = options
  const environment = { ...recipe.environment?.(host, ports.port), ...settings }
  const published = Object.fromEntries(
    [...ports.published].map(([inside, outside]) => [`${inside}/tcp`, [binding(host, outside)]]),
  )
  const command = [...(recipe.command ?? []), ...extraArguments]
  return {
    Image: image,
    ...(command.length === 0 ? {} : { Cmd: command }),
    Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    ExposedPorts: Object.fromEntries(Object.keys(published).map(key => [key, {}])),
    HostConfig: { PortBindings: published },
  }
}

/** These brokers ask for no password, so on a machine of one's own only that machine reaches them. */
function binding(host: string, port: number): { HostIp: string; HostPort: string } {
  return { HostIp: host === '127.0.0.1' ? host : '', HostPort: String(port) }
}

function publishedPorts({ port, admin }: BrokerRecipe, bindings: unknown): Ports {
  const published = bindings as Readonly<Record<string, readonly { readonly HostPort: string }[]>>
  const found = new Map<number, number>()
  for (const [inside, [first]] of Object.entries(published))
    if (first !== undefined) found.set(Number.parseInt(inside, 10), Number(first.HostPort))
  return namedPorts(port, admin?.port, found)
}

/** Read by whichever user the server runs as. */
async function putFiles(container: Container, files: Readonly<Record<string, string>>): Promise<void> {
  const archive = pack()
  for (const [path, text] of Object.entries(files))
    archive.entry({ name: path.replace(/^\//, ''), mode: 0o644 }, text)
  archive.finalize()
  await container.putArchive(await buffer(archive), { path: '/' })
}
