import { type ConnectionOptions, TLSSocket } from 'node:tls'
import { resolveCredentials } from '@busbar/core/adapter'
import { Cluster, type ClusterOptions, type RedisOptions as DriverOptions, Redis } from 'ioredis'
import type { Place } from '../errors.ts'
import type { ResolvedOptions } from '../options.ts'

export type Client = Redis | Cluster

/** The constructor's own type, which `exactOptionalPropertyTypes` keeps apart from the exported one. */
type ClusterSettings = NonNullable<ConstructorParameters<typeof Cluster>[1]>

/**
 * A client of one connection, not yet connected. It never reconnects by itself: what was on its way when a connection died has
 * to be told apart from what was not sent, subscriptions have to recover, and credentials may have changed. Nothing is
 * queued while it is down, and nothing sent twice: with ioredis's defaults a cut stored publishes twice.
 */
export async function newClient(options: ResolvedOptions, name: string): Promise<Client> {
  const { username, password } = await resolveCredentials(options.credentials)
  const tls = options.tls as ConnectionOptions | undefined
  const shared = {
    lazyConnect: true,
    retryStrategy: null,
    reconnectOnError: null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // The shape of replies must not depend on what the server speaks.
    protocol: 2 as const,
    replyMapping: 'legacy' as const,
    disableClientInfo: true,
    noDelay: true,
    // The link's own comes first, which knows what was waited for.
    connectTimeout: options.connectTimeout + 1_000,
    // A space ends a name in CLIENT SETNAME's protocol.
    connectionName: name.replace(/[^!-~]/g, '-'),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  } satisfies DriverOptions
  if (options.cluster !== undefined) {
    const { lazyConnect: _lazy, retryStrategy: _retry, enableOfflineQueue: _queue, ...node } = shared
    const settings: ClusterOptions = {
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      enableOfflineQueue: false,
      redisOptions: node,
      slotsRefreshTimeout: options.connectTimeout,
      // One node's certificate names the host, not the address that CLUSTER SLOTS tells.
      ...(tls === undefined ? {} : { dnsLookup: (address, callback) => callback(null, address) }),
    }
    return new Cluster([...options.cluster], settings as ClusterSettings)
  }
  const { sentinel } = options
  if (sentinel !== undefined) {
    return new Redis({
      ...shared,
      db: options.db,
      name: sentinel.name,
      sentinels: [...sentinel.nodes],
      sentinelRetryStrategy: () => null,
      enableTLSForSentinelMode: tls !== undefined,
      ...((sentinel.tls ?? tls !== undefined) ? { sentinelTLS: tls ?? {} } : {}),
      ...(sentinel.credentials?.username === undefined
        ? {}
        : { sentinelUsername: sentinel.credentials.username }),
      ...(sentinel.credentials?.password === undefined
        ? {}
        : { sentinelPassword: sentinel.credentials.password }),
    })
  }
  return new Redis({ ...shared, host: options.host, port: options.port, db: options.db })
}

/**
 * Whether a server has taken the connection and does not answer the TLS handshake: Redis without TLS waits for the end of a line, which
 * most handshakes do not have.
 */
export function awaitsHandshake(client: Client): boolean {
  if (client instanceof Cluster) return client.nodes().some(awaitsHandshake)
  const { stream, status } = client
  return status === 'connecting' && stream instanceof TLSSocket && stream.remoteAddress !== undefined
}

/** The server's place, for messages; has no secret. */
export function placeOf(options: ResolvedOptions): Place {
  const nodes = options.cluster ?? options.sentinel?.nodes ?? [options]
  const field =
    options.cluster !== undefined ? 'cluster' : options.sentinel !== undefined ? 'sentinel' : 'host'
  return { text: nodes.map(({ host, port }) => `${host}:${port}`).join(','), field }
}
