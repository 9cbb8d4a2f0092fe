import { createServer } from 'node:net'
import type { Engine } from './engine.ts'

/** The host by which clients reach published ports: by address, for `localhost` may mean IPv6 first. */
export async function clientHost(engine: Engine | undefined): Promise<string> {
  const host = engine?.info.containerRuntime.host ?? 'localhost'
  return host === 'localhost' || (await isOurs(host)) ? '127.0.0.1' : host
}

/**
 * Whether we can listen there. Inside a container Testcontainers takes the engine for one outside, and names the gateway of its
 * bridge. When that is an address of our own, the engine runs in here, and its ports need to be published nowhere but on the loopback
 * address. (The list of our interfaces lacks a bridge that no container is on.)
 */
function isOurs(host: string): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(0, host, () => server.close(() => resolve(true)))
  })
}
