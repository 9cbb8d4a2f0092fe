import { startProxy, type TcpProxy } from './tcp-proxy.ts'

/** A proxy for each client of the broker at one address, so that one client's link can be harmed while others go on. */
export interface ClientProxies {
  /** The client's port, the same for as long as it is known. Its proxy is started on first use. */
  portOf(client: string): Promise<number>
  cut(client: string): Promise<void>
  heal(client: string): Promise<void>
  /** Cut for ever: nothing of the client reaches the broker any more. */
  crash(client: string): Promise<void>
  stall(client: string): Promise<void>
  /** Forgets clients and closes their proxies. */
  close(which?: (client: string) => boolean): Promise<void>
}

export function clientProxies(host: string, port: number): ClientProxies {
  const proxies = new Map<string, Promise<TcpProxy>>()
  const crashed = new Set<string>()
  const of = (client: string) => {
    const known = proxies.get(client)
    if (known !== undefined) return known
    const started = startProxy(host, port)
    proxies.set(client, started)
    return started
  }
  return {
    portOf: async client => (await of(client)).port,
    cut: async client => (await of(client)).cut(),
    async heal(client) {
      const proxy = await of(client)
      if (crashed.has(client)) return
      proxy.resume()
      proxy.heal()
    },
    async crash(client) {
      crashed.add(client)
      ;(await of(client)).cut()
    },
    stall: async client => (await of(client)).stall(),
    async close(which = () => true) {
      const chosen = [...proxies].filter(([client]) => which(client))
      for (const [client] of chosen) {
        proxies.delete(client)
        crashed.delete(client)
      }
      await Promise.all(chosen.map(async ([, proxy]) => (await proxy).close()))
    },
  }
}
