import type { Adapter, AdapterContext, Broker } from '@busbar/core/adapter'
import { BusError, isBusError } from '@busbar/core/adapter'
import {
  type Authenticator,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/nats-core'
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node'
import { CAPABILITIES } from './capabilities.ts'
import { Connection } from './connection.ts'
import { whyNoTls } from './diagnose.ts'
import { connectError, messageOf } from './errors.ts'
import { type NatsCredentials, type NatsOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { driverTls } from './tls.ts'

/**
 * NATS with JetStream, 2.10 or later.
 * @throws BusError INVALID_OPTIONS
 */
export function nats(options: NatsOptions = {}): Adapter {
  const resolved = resolveOptions(options)
  return {
    name: 'nats',
    capabilities: CAPABILITIES,
    connect: context => open(resolved, context),
  }
}

async function open(options: ResolvedOptions, context: AdapterContext): Promise<Broker> {
  const shown = options.servers.join(', ')
  let nc: NatsConnection
  const login = await logins(options, context)
  try {
    nc = await within(connect(driverOptions(options, context, login?.authenticator)), options, context, shown)
  } catch (error) {
    const { tls, servers } = options
    const timedOut =
      isBusError(error, 'CONNECTION_FAILED') || /timeout|undefined error/i.test(messageOf(error))
    if (timedOut && tls !== undefined && servers[0] !== undefined) {
      const why = await whyNoTls(servers[0], tls)
      if (why !== undefined) throw why
    }
    throw connectError(error, shown)
  }
  try {
    const connection = new Connection(nc, options, context, () => login?.renew())
    await connection.begin()
    return connection
  } catch (error) {
    await nc.close().catch(() => {})
    throw isBusError(error) ? error : connectError(error, shown)
  }
}

function driverOptions(
  options: ResolvedOptions,
  context: AdapterContext,
  authenticator: Authenticator | undefined,
): NodeConnectionOptions {
  return {
    servers: [...options.servers],
    name: context.clientName,
    timeout: options.connectTimeout,
    pingInterval: options.pingInterval,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: options.reconnectDelay,
    reconnectJitter: Math.ceil(options.reconnectDelay / 5),
    // A password that was rotated is not a reason to give up: the next connect asks for it again.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    inboxPrefix: options.inboxPrefix,
    ...(options.tls === undefined ? {} : { tls: driverTls(options.tls, options.servers) }),
    ...(authenticator === undefined ? {} : { authenticator }),
  }
}

/** The driver dials one server after the other; what it is given in all is bounded here. */
function within(
  dialling: Promise<NatsConnection>,
  { connectTimeout }: ResolvedOptions,
  { clock }: AdapterContext,
  servers: string,
): Promise<NatsConnection> {
  return new Promise((resolve, reject) => {
    let over = false
    const timer = clock.setTimer(
      connectTimeout + 1_000,
      () => {
        over = true
        reject(
          new BusError('CONNECTION_FAILED', `${servers} did not answer within ${connectTimeout} ms`, {
            field: 'servers',
            retryable: true,
            remedy: 'check host and port, and whether a firewall is in between',
          }),
        )
      },
      { keepAlive: true },
    )
    dialling.then(
      nc => {
        timer.cancel()
        if (over) void nc.close().catch(() => {})
        else resolve(nc)
      },
      error => {
        timer.cancel()
        reject(error)
      },
    )
  })
}

interface Logins {
  readonly authenticator: Authenticator
  /** Fetches the secret for the next connect. */
  renew(): void
}

/** The driver asks for the secret synchronously while it connects; it is fetched when the connection goes down. */
async function logins(
  { credentials }: ResolvedOptions,
  context: AdapterContext,
): Promise<Logins | undefined> {
  if (credentials === undefined) return undefined
  let current = authenticatorFor(await credentials())
  return {
    authenticator: nonce => current(nonce),
    renew() {
      credentials().then(
        secret => {
          current = authenticatorFor(secret)
        },
        error => context.onError(error, 'credentials'),
      )
    },
  }
}

function authenticatorFor(secret: NatsCredentials): Authenticator {
  const bytes = (text: string) => new TextEncoder().encode(text)
  if ('user' in secret) return usernamePasswordAuthenticator(secret.user, secret.password)
  if ('token' in secret) return tokenAuthenticator(secret.token)
  if ('nkey' in secret) return nkeyAuthenticator(bytes(secret.nkey))
  return credsAuthenticator(bytes(secret.creds))
}
