import { BusError, type Credentials, type Issue, issuesError } from '@busbar/core/adapter'

export interface RedisCredentials {
  /** ACL user. Absent: the default user. */
  readonly username?: string
  readonly password?: string
}

export interface RedisNode {
  readonly host: string
  /** Default 6379; of a sentinel 26379. */
  readonly port?: number
}

export interface RedisTls {
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string | Uint8Array
  /** PEM of the client's certificate and key. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly passphrase?: string
  /** Name expected in the server's certificate. Default: the host. */
  readonly servername?: string
  /** Default true. False accepts any certificate: for tests only. */
  readonly rejectUnauthorized?: boolean
}

/** What topics without a retention of their own keep for groups that start in the past. */
export interface RedisRetention {
  /** Events. Default 10,000. */
  readonly count?: number
  /** Milliseconds. Default: any age. */
  readonly age?: number
  /** Default: no limit. */
  readonly bytes?: number
}

/** Options of {@link redis}. */
export interface RedisOptions {
  /** Default localhost. */
  readonly host?: string
  /** Default 6379. */
  readonly port?: number
  /** Database number. Default 0; a cluster has no other. */
  readonly db?: number
  /** A function is called for each connection, reconnects included. */
  readonly credentials?: Credentials<RedisCredentials>
  /** True: TLS with the system's authorities. Default false. */
  readonly tls?: boolean | RedisTls
  /** Some nodes of a Redis Cluster, instead of `host`. */
  readonly cluster?: readonly RedisNode[]
  /** Sentinels that name the master, instead of `host`. */
  readonly sentinel?: {
    readonly name: string
    readonly nodes: readonly RedisNode[]
    readonly credentials?: RedisCredentials
    /** Whether sentinels speak TLS. Default: as `tls`. */
    readonly tls?: boolean
  }
  /** Milliseconds for one attempt to connect. Default 10,000. */
  readonly connectTimeout?: number
  /** Milliseconds without any answer after which a connection counts as lost. Default 10,000. */
  readonly operationTimeout?: number
  /** Milliseconds for which a second copy of a publish is recognised. Default 120,000; 0 switches it off. */
  readonly dedupeWindow?: number
  /** The largest message in bytes. Default 8 MiB. */
  readonly messageBytes?: number
  readonly retention?: RedisRetention
  /** Confirm a publish only when so many replicas have it (`WAIT`). Default 0. */
  readonly replicas?: number
}

export interface ResolvedOptions {
  readonly host: string
  readonly port: number
  readonly db: number
  readonly credentials: Credentials<RedisCredentials>
  readonly tls: RedisTls | undefined
  readonly cluster: readonly Required<RedisNode>[] | undefined
  readonly sentinel:
    | (NonNullable<RedisOptions['sentinel']> & { readonly nodes: readonly Required<RedisNode>[] })
    | undefined
  readonly connectTimeout: number
  readonly operationTimeout: number
  readonly dedupeWindow: number
  readonly messageBytes: number
  readonly retention: { readonly count: number; readonly age: number; readonly bytes: number }
  readonly replicas: number
}

/** Retention without a limit, as the scripts take it. */
export const UNLIMITED = -1

const NUMBERS = {
  port: [1, 65_535, 6379],
  db: [0, 65_535, 0],
  connectTimeout: [1, 600_000, 10_000],
  operationTimeout: [100, 600_000, 10_000],
  dedupeWindow: [0, 86_400_000, 120_000],
  messageBytes: [1, 512 * 2 ** 20, 8 * 2 ** 20],
  replicas: [0, 1_000, 0],
} as const

const KNOWN: ReadonlySet<string> = new Set([
  ...Object.keys(NUMBERS),
  'host',
  'credentials',
  'tls',
  'cluster',
  'sentinel',
  'retention',
])
const TLS = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized']

/** @throws BusError INVALID_OPTIONS, naming everything that is wrong, and no secret. */
export function resolveOptions(options: RedisOptions): ResolvedOptions {
  const issues: Issue[] = []
  const refuse = (field: string, problem: string, remedy?: string) =>
    issues.push({ field, problem, ...(remedy === undefined ? {} : { remedy }) })
  if (!isPlain(options)) throw invalidOption('options', 'is not an object', 'pass an object')
  unknownFields('', options, KNOWN, refuse)

  const number = (field: string, value: unknown, [min, max, fallback]: readonly [number, number, number]) => {
    if (value === undefined) return fallback
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max)
      return value as number
    refuse(field, `${shown(value)} is not allowed`, `pass a whole number from ${min} to ${max}`)
    return fallback
  }
  const node = (field: string, value: unknown, port: number): Required<RedisNode> => {
    if (isObject(value) && typeof value.host === 'string' && value.host !== '') {
      unknownFields(`${field}.`, value, new Set(['host', 'port']), refuse)
      return { host: value.host, port: number(`${field}.port`, value.port, [1, 65_535, port]) }
    }
    refuse(field, 'has no host', 'pass { host, port }')
    return { host: '', port }
  }
  const nodes = (field: string, value: unknown, port: number) => {
    if (Array.isArray(value) && value.length > 0) return value.map((n, i) => node(`${field}.${i}`, n, port))
    refuse(field, 'is not a list of nodes', 'pass at least one { host, port }')
    return []
  }

  if (options.host !== undefined && (typeof options.host !== 'string' || options.host === ''))
    refuse('host', 'is not a host name', 'pass a name or an address')
  const { credentials = {}, tls, cluster, sentinel, retention = {} } = options
  if (typeof credentials !== 'function') checkCredentials('credentials', credentials, refuse)
  if (tls !== undefined && typeof tls !== 'boolean') {
    if (isPlain(tls)) unknownFields('tls.', tls, new Set(TLS), refuse)
    else refuse('tls', 'is neither a boolean nor an object')
  }
  const places = [options.host, cluster, sentinel].filter(place => place !== undefined)
  if (places.length > 1)
    refuse('host', 'is set beside cluster or sentinel', 'pass one of host, cluster and sentinel')
  if (cluster !== undefined && (options.db ?? 0) !== 0)
    refuse('db', 'a cluster has database 0 only', 'leave it out')
  if (sentinel !== undefined) {
    if (!isPlain(sentinel)) refuse('sentinel', 'is not an object')
    else {
      unknownFields('sentinel.', sentinel, new Set(['name', 'nodes', 'credentials', 'tls']), refuse)
      if (typeof sentinel.name !== 'string' || sentinel.name === '')
        refuse('sentinel.name', 'is missing', 'pass the name of the master group')
      if (sentinel.credentials !== undefined)
        checkCredentials('sentinel.credentials', sentinel.credentials, refuse)
    }
  }
  if (!isPlain(retention)) refuse('retention', 'is not an object')
  else unknownFields('retention.', retention, new Set(['count', 'age', 'bytes']), refuse)
  const limit = (field: 'count' | 'age' | 'bytes', fallback: number) =>
    number(`retention.${field}`, retention[field], [0, Number.MAX_SAFE_INTEGER, fallback])

  const resolved: ResolvedOptions = {
    host: options.host ?? 'localhost',
    port: number('port', options.port, NUMBERS.port),
    db: number('db', options.db, NUMBERS.db),
    credentials,
    tls: tls === true ? {} : tls === false ? undefined : tls,
    cluster: cluster === undefined ? undefined : nodes('cluster', cluster, 6379),
    sentinel:
      sentinel !== undefined && isPlain(sentinel)
        ? { ...sentinel, nodes: nodes('sentinel.nodes', sentinel.nodes, 26_379) }
        : undefined,
    connectTimeout: number('connectTimeout', options.connectTimeout, NUMBERS.connectTimeout),
    operationTimeout: number('operationTimeout', options.operationTimeout, NUMBERS.operationTimeout),
    dedupeWindow: number('dedupeWindow', options.dedupeWindow, NUMBERS.dedupeWindow),
    messageBytes: number('messageBytes', options.messageBytes, NUMBERS.messageBytes),
    retention: {
      count: limit('count', options.retention === undefined ? 10_000 : UNLIMITED),
      age: limit('age', UNLIMITED),
      bytes: limit('bytes', UNLIMITED),
    },
    replicas: number('replicas', options.replicas, NUMBERS.replicas),
  }
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', 'redis', issues)
  return resolved
}

type Refuse = (field: string, problem: string, remedy?: string) => void

function unknownFields(path: string, value: object, known: ReadonlySet<string>, refuse: Refuse): void {
  for (const name of Object.keys(value)) {
    if (!known.has(name)) refuse(`${path}${name}`, 'is not an option', `use one of ${[...known].join(', ')}`)
  }
}

function checkCredentials(field: string, value: unknown, refuse: Refuse): void {
  if (!isObject(value)) {
    refuse(field, 'is neither an object nor a function', 'pass { username, password }')
    return
  }
  unknownFields(`${field}.`, value, new Set(['username', 'password']), refuse)
  for (const name of ['username', 'password'] as const) {
    if (value[name] !== undefined && typeof value[name] !== 'string')
      refuse(`${field}.${name}`, 'is not a string')
  }
}

/** As isObject, without a claim about the type: for what the compiler thinks it knows. */
const isPlain = (value: unknown): boolean => isObject(value)

const isObject = (value: unknown): value is Record<string, unknown> & object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const shown = (value: unknown) =>
  typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value)

/** @throws BusError INVALID_OPTIONS */
export function invalidOption(field: string, problem: string, remedy: string): BusError {
  return new BusError('INVALID_OPTIONS', `redis: ${field}: ${problem}`, { field, remedy })
}
