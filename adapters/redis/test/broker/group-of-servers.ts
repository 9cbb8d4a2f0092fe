import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { recipe } from '../../../../conformance/src/brokers/catalogue.ts'
import { ensureEngine } from '../../../../conformance/src/brokers/engine.ts'
import { freePort } from '../../../../conformance/src/brokers/free-port.ts'
import { obtainImage } from '../../../../conformance/src/brokers/obtain-image.ts'
import { BROKER_LABEL } from '../../../../conformance/src/brokers/run-container.ts'

export interface GroupOfServers {
  readonly ports: readonly number[]
  /** A plain client of one of them. */
  client(port: number): Redis
  exec(command: readonly string[]): Promise<string>
  remove(): Promise<void>
}

/**
 * Several servers in one container. Each is published under the number it has inside, so that 127.0.0.1, which they announce to
 * each other and to clients, is right on both sides.
 * @param commandOf the command that runs the server of a port, all ports known.
 */
export async function groupOfServers(
  count: number,
  commandOf: (port: number, ports: readonly number[]) => string,
): Promise<GroupOfServers> {
  const engine = await ensureEngine(() => {})
  const image = await obtainImage(engine, recipe('redis'), process.env, () => {})
  const ports: number[] = []
  while (ports.length < count) {
    const port = await freePort()
    // A cluster's bus has the port ten thousand above, and there are no more than 65,535.
    if (port < 55_000 && !ports.includes(port)) ports.push(port)
  }
  const script = [...ports.map(port => `${commandOf(port, ports)} &`), 'wait'].join('\n')
  const container = await engine.container.dockerode.createContainer({
    Image: image,
    Entrypoint: ['sh', '-c'],
    Cmd: [script],
    Labels: { [BROKER_LABEL]: 'redis' },
    ExposedPorts: Object.fromEntries(ports.map(port => [`${port}/tcp`, {}])),
    HostConfig: {
      PortBindings: Object.fromEntries(
        ports.map(port => [`${port}/tcp`, [{ HostIp: '127.0.0.1', HostPort: String(port) }]]),
      ),
    },
  })
  await container.start()
  const clients: Redis[] = []
  return {
    ports,
    client(port) {
      const client = new Redis({ host: '127.0.0.1', port, protocol: 2 })
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    async exec(command) {
      const { output, exitCode } = await engine.container.exec(container, [...command])
      if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${output}`)
      return output
    },
    async remove() {
      for (const client of clients) client.disconnect()
      await container.remove({ force: true, v: true })
    },
  }
}

/** Asks again until it holds; the server announces none of this. */
export async function until(holds: () => Promise<boolean>, what: string, within = 30_000): Promise<void> {
  const end = performance.now() + within
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error(`gave up waiting for ${what}`)
    await sleep(50)
  }
}
