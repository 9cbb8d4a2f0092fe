import { type AdapterContext, BusError, isBusError, resolveCredentials } from '@busbar/core/adapter'
import { type ChannelModel, connect, type Options } from 'amqplib'
import { isLogin, type ResolvedOptions, type UsernamePassword } from '../config/options.ts'
import { connectError } from '../errors.ts'
import { gatherWrites } from './gather-writes.ts'
import { within } from './within.ts'

/** Opens one connection, to the first of the nodes that answers. @throws BusError */
export async function openConnection(
  options: ResolvedOptions,
  context: AdapterContext,
  purpose: string,
): Promise<ChannelModel> {
  let failure: BusError | undefined
  for (const url of options.urls) {
    try {
      return await openTo(url, options, context, purpose)
    } catch (error) {
      const next = connectError(error, `${url.host}${url.pathname === '/' ? '' : url.pathname}`)
      // That one node refused says more than that another is down.
      if (failure === undefined || failure.retryable) failure = next
    }
  }
  throw failure
}

async function openTo(
  url: URL,
  options: ResolvedOptions,
  context: AdapterContext,
  purpose: string,
): Promise<ChannelModel> {
  const { connectTimeout, heartbeat, tls } = options
  const { username, password } = await login(url, options, context)
  const target: Options.Connect = {
    protocol: url.protocol.slice(0, -1),
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    username,
    password,
    vhost: virtualHost(url),
    heartbeat,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
  }
  let late = false
  const opening = connect(target, {
    ...tls,
    ...(tls.ca === undefined ? {} : { ca: Buffer.from(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: Buffer.from(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: Buffer.from(tls.key) }),
    // With Nagle's algorithm, confirmations at a moderate rate wait for up to 40 ms.
    noDelay: true,
    keepAlive: true,
    timeout: connectTimeout,
    clientProperties: { connection_name: `${context.clientName} (${purpose})`, product: 'Busbar' },
  } as Parameters<typeof connect>[1])
  // The driver's own limit does not cover a broker that takes the connection and then says nothing.
  opening.then(
    model => {
      gatherWrites(model)
      if (!late) return
      model.on('error', () => {})
      model.close().catch(() => {})
    },
    () => {},
  )
  return within(context.clock, connectTimeout + 500, opening, 'connecting').catch(error => {
    late = true
    throw error
  })
}

async function login(
  url: URL,
  { credentials, connectTimeout }: ResolvedOptions,
  { clock }: AdapterContext,
): Promise<UsernamePassword> {
  if (credentials === undefined) return loginOf(url)
  const fetched = await within(clock, connectTimeout, resolveCredentials(credentials), 'credentials').catch(
    error => {
      if (isBusError(error, 'AUTHENTICATION_FAILED')) throw error
      throw new BusError('AUTHENTICATION_FAILED', `no credentials within ${connectTimeout} ms`, {
        field: 'credentials',
        retryable: true,
        remedy: 'the function that fetches them has to settle within connectTimeout',
      })
    },
  )
  if (isLogin(fetched)) return fetched
  throw new BusError('AUTHENTICATION_FAILED', 'the credentials have no username and password', {
    field: 'credentials',
    remedy: 'return { username, password }, both strings',
  })
}

function loginOf(url: URL): UsernamePassword {
  if (url.username === '' && url.password === '') return { username: 'guest', password: 'guest' }
  return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
}

/** The driver unescapes it once more. */
const virtualHost = ({ pathname }: URL): string =>
  pathname === '' || pathname === '/' ? '/' : pathname.slice(1)

/**
 * Ends a connection as a pulled cable would: for links that look alive and are not. When the socket ends in the middle of a closing
 * handshake, the driver forgets its heartbeat timers, and they would keep the process alive.
 */
export function destroy(model: ChannelModel): void {
  const { stream, heartbeater } = model.connection as unknown as {
    stream?: { on(event: 'error', listener: () => void): void; destroy(error?: Error): void }
    heartbeater?: { clear(): void } | null
  }
  // Nobody may be listening: to a connection that came after its bus was closed, or a TLS stream after the driver's goodbye.
  model.on('error', () => {})
  stream?.on('error', () => {})
  stream?.destroy(new Error('given up'))
  heartbeater?.clear()
}
