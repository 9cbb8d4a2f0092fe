import type { Adapter } from '@busbar/core/adapter'
import type { Visitor, Visitors } from '../model/visitors.ts'
import type { BrokerName } from './catalogue.ts'
import { type Certificates, type Identity, makeCertificates } from './certificates.ts'
import { freePort } from './free-port.ts'
import { type StartOptions, startBroker } from './start-broker.ts'
import type { StartedBroker } from './started-broker.ts'

/** How a kind of server is made to ask for TLS and logins, and how an adapter is told to come to it. */
export interface SecuredServer {
  /** The port with TLS, inside the container; may be the client port of the recipe. */
  readonly port: number
  /**
   * What to start it with. `mutual`: it demands a certificate of its clients. Both users of `LOGINS` may log in, and only `friend` may do
   * anything; what cannot be told at the start is made in `prepare`.
   */
  options(certificates: Certificates, mutual: boolean): Pick<StartOptions, 'files' | 'extraArguments'>
  prepare?(broker: StartedBroker): Promise<void>
  adapter(way: Way): Adapter
}

/** One way to come to a server. */
export interface Way {
  readonly host: string
  readonly port: number
  /** Absent: as whoever the server lets in without being asked. */
  readonly login?: { readonly user: string; readonly password: string }
  readonly tls?: { readonly authority: string; readonly identity?: Identity }
}

const PASSWORD = 'b7-open-sesame'
export const LOGINS = {
  friend: { user: 'friend', password: PASSWORD },
  stranger: { user: 'stranger', password: PASSWORD },
} as const

export interface SecuredVisitors extends Visitors {
  /** Removes what was started. */
  close(): Promise<void>
}

/** `plain` is the port of a server without TLS. Servers with it are started when the first visitor comes. */
export function securedVisitors(name: BrokerName, server: SecuredServer, plain: number): SecuredVisitors {
  const certificates = once(makeCertificates)
  const start = async (mutual: boolean) => {
    const broker = await startBroker(name, {
      // Whatever the environment names has other certificates and other users.
      environment: {},
      instance: `suite-${process.pid}-${mutual ? 'mutual-tls' : 'tls'}`,
      ports: [server.port],
      ...server.options(await certificates(), mutual),
    })
    await server.prepare?.(broker)
    return broker
  }
  const oneSided = once(() => start(false))
  const mutual = once(() => start(true))

  async function wayOf(as: Visitor): Promise<Way> {
    const { authority, stranger, client } = await certificates()
    const host = '127.0.0.1'
    const trusting = { authority }
    const at = async (broker: () => Promise<StartedBroker>) => ({
      host,
      port: (await broker()).portOf(server.port),
      login: LOGINS.friend,
      tls: trusting,
    })
    switch (as) {
      case 'tls':
        return at(oneSided)
      case 'mutual-tls':
        return { ...(await at(mutual)), tls: { authority, identity: client } }
      case 'nobody-there':
        return { host, port: await freePort() }
      case 'unknown-host':
        return { host: 'nowhere.invalid', port: plain }
      case 'wrong-password':
        return { ...(await at(oneSided)), login: { user: 'friend', password: `${PASSWORD}-not` } }
      case 'no-permission':
        return { ...(await at(oneSided)), login: LOGINS.stranger }
      case 'untrusted-authority':
        return { ...(await at(oneSided)), tls: { authority: stranger } }
      case 'wrong-name':
        return { ...(await at(oneSided)), host: 'localhost' }
      case 'no-certificate':
        return at(mutual)
      case 'tls-to-plain':
        return { host, port: plain, tls: trusting }
      case 'plain-to-tls': {
        const { tls: _, ...without } = await at(oneSided)
        return without
      }
    }
  }

  return {
    secret: PASSWORD,
    adapter: async as => server.adapter(await wayOf(as)),
    async close() {
      for (const broker of [oneSided, mutual]) await (await broker.begun)?.remove()
    },
  }
}

/** Made at the first call, and the same for all that follow. `begun` is that, if there was one. */
function once<T>(make: () => Promise<T>): { (): Promise<T>; readonly begun: Promise<T> | undefined } {
  let made: Promise<T> | undefined
  const get = () => {
    made ??= make()
    return made
  }
  return Object.defineProperty(get, 'begun', { get: () => made }) as unknown as ReturnType<typeof once<T>>
}
