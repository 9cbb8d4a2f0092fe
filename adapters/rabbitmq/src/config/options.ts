import { type Credentials, type Issue, issuesError } from '@busbar/core/adapter'

export interface UsernamePassword {
  readonly username: string
  readonly password: string
}

/** What `node:tls` takes, as far as brokers need it. */
export interface TlsOptions {
  readonly ca?: string | Uint8Array
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly passphrase?: string
  readonly servername?: string
  /** Default true. */
  readonly rejectUnauthorized?: boolean
}

/** Options of the RabbitMQ adapter. */
export interface RabbitmqOptions {
  /** `amqp://` or `amqps://`, the path being the virtual host; several are the nodes of one cluster, tried in turn. Default `amqp://localhost`. */
  readonly url?: string | readonly string[]
  /** Instead of those in the URL; a function is called for each connect. */
  readonly credentials?: Credentials<UsernamePassword>
  /** Of group and dead-letter queues. Default `quorum`: replicated, and safe when a node dies. */
  readonly queueType?: 'quorum' | 'classic'
  /** Replicas of each quorum queue. Default: the broker's (3, or as many nodes as there are). */
  readonly replicas?: number
  /** Whether groups may subscribe to patterns: each publish is then routed through one more exchange. Default true. */
  readonly wildcards?: boolean
  /** Seconds between heartbeats; a link silent for two of them is given up. Default 10. */
  readonly heartbeat?: number
  /** Milliseconds for one attempt to connect. Default 10,000. */
  readonly connectTimeout?: number
  /** Milliseconds for an answer of the broker; for confirmations, without any of them arriving. Default 10,000. */
  readonly operationTimeout?: number
  /** The broker's `max_message_size`, in bytes. Default 16 MiB, as RabbitMQ 4 has it. */
  readonly messageBytes?: number
  readonly tls?: TlsOptions
}

export interface ResolvedOptions {
  readonly urls: readonly URL[]
  readonly credentials: Credentials<UsernamePassword> | undefined
  readonly queueType: 'quorum' | 'classic'
  readonly replicas: number | undefined
  readonly wildcards: boolean
  readonly heartbeat: number
  readonly connectTimeout: number
  readonly operationTimeout: number
  readonly messageBytes: number
  readonly tls: TlsOptions
}

const KNOWN = [
  'url',
  'credentials',
  'queueType',
  'replicas',
  'wildcards',
  'heartbeat',
  'connectTimeout',
  'operationTimeout',
  'messageBytes',
  'tls',
] as const
const KNOWN_TLS = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized'] as const

/** @throws BusError INVALID_OPTIONS, naming everything that is wrong. */
export function resolveOptions(options: RabbitmqOptions): ResolvedOptions {
  const issues: Issue[] = []
  const unknown = (value: object, path: string, known: readonly string[]) => {
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue
      issues.push({
        field: path + name,
        problem: 'is not an option',
        remedy: `use one of ${known.join(', ')}`,
      })
    }
  }
  const whole = (field: keyof RabbitmqOptions, min: number, fallback: number): number => {
    const value = options[field]
    if (value === undefined) return fallback
    if (Number.isSafeInteger(value) && (value as number) >= min) return value as number
    issues.push({
      field,
      problem: `${String(value)} is not allowed`,
      remedy: `pass a whole number of ${min} or more`,
    })
    return fallback
  }
  unknown(options, '', KNOWN)
  if (options.tls !== undefined) unknown(options.tls, 'tls.', KNOWN_TLS)
  const { queueType = 'quorum', wildcards = true, replicas, credentials, tls = {} } = options
  if (queueType !== 'quorum' && queueType !== 'classic') {
    issues.push({
      field: 'queueType',
      problem: `${String(queueType)} is not a queue type`,
      remedy: 'use quorum or classic',
    })
  }
  if (typeof wildcards !== 'boolean') issues.push({ field: 'wildcards', problem: 'is not a boolean' })
  if (credentials !== undefined && typeof credentials !== 'function' && !isLogin(credentials)) {
    issues.push({
      field: 'credentials',
      problem: 'has no username and password',
      remedy: 'pass both, or a function',
    })
  }
  const resolved: ResolvedOptions = {
    urls: urlsOf(options.url, issues),
    credentials,
    queueType,
    replicas: replicas === undefined ? undefined : whole('replicas', 1, 3),
    wildcards,
    heartbeat: whole('heartbeat', 1, 10),
    connectTimeout: whole('connectTimeout', 1, 10_000),
    operationTimeout: whole('operationTimeout', 1, 10_000),
    messageBytes: whole('messageBytes', 1, 16 * 2 ** 20),
    tls,
  }
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', 'rabbitmq', issues)
  return resolved
}

export const isLogin = (value: unknown): value is UsernamePassword =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as UsernamePassword).username === 'string' &&
  typeof (value as UsernamePassword).password === 'string'

function urlsOf(url: RabbitmqOptions['url'], issues: Issue[]): URL[] {
  const given = url === undefined ? ['amqp://localhost'] : typeof url === 'string' ? [url] : url
  if (!Array.isArray(given) || given.length === 0) {
    issues.push({ field: 'url', problem: 'names no broker', remedy: 'pass amqp://host:5672/vhost' })
    return []
  }
  const parsed: URL[] = []
  for (const each of given as readonly unknown[]) {
    const ok = typeof each === 'string' && URL.canParse(each) && /^amqps?:$/.test(new URL(each).protocol)
    // The text itself may hold a password, so it is not repeated.
    if (!ok)
      issues.push({
        field: 'url',
        problem: 'is not an amqp:// or amqps:// URL',
        remedy: 'pass amqp://host:5672/vhost',
      })
    else parsed.push(new URL(each as string))
  }
  return parsed
}
