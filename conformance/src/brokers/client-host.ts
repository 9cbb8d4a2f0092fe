import type { Engine } from './engine.ts'

/** The host by which clients reach published ports: by address, for `localhost` may mean IPv6 first. */
export function clientHost(engine: Engine | undefined): string {
  const host = engine?.info.containerRuntime.host ?? 'localhost'
  return host === 'localhost' ? '127.0.0.1' : host
}
