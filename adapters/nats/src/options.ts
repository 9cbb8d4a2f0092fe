import { BusError, type Credentials, type Issue, issuesError, resolveCredentials } from '@busbar/core/adapter'

import { tlsIssues } from './tls.ts'

export type { Credentials }

/** How to log in. One of them. */
export type NatsCredentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** The seed of an NKey (`SU…`). */
  | { readonly nkey: string }
  /** The text of a `.creds` file: a JWT and its seed. */
  | { readonly creds: string }

export interface NatsTls {
  /** PEM text of who signed the server's certificate. Default: the authorities that Node.js knows. */
  readonly ca?: string
  /** PEM text; with `key`, this side's certificate for servers that ask for one. */
  readonly cert?: string
  readonly key?: string
  /** TLS before the server's first message, as `handshake_first` asks. Default false. */
  readonly handshakeFirst?: boolean
}

/** What streams keep when a topic says nothing of its own. 0 means no limit. */
export interface NatsRetention {
  /** Milliseconds. Default 7 days. */
  readonly age?: number
  readonly bytes?: number
  readonly count?: number
}

export interface NatsOptions {
  /** `host:port`, or several of one cluster. Default `127.0.0.1:4222`. */
  readonly servers?: string | readonly string[]
  /** A value, or a function that is called anew for each connect. */
  readonly credentials?: Credentials<NatsCredentials>
  /** `true`: require TLS with the system's certificates. */
  readonly tls?: boolean | NatsTls
  /** Of each stream that is made. 3 or 5 in production. Default 1. */
  readonly replicas?: number
  /** Default `file`. */
  readonly storage?: 'file' | 'memory'
  readonly retention?: NatsRetention
  /** How long dead letters are kept, in milliseconds; 0 for ever. Default 30 days. */
  readonly deadLetterAge?: number
  /** For how long a stream recognises a second copy of a publish, in milliseconds. Default 120,000. */
  readonly dedupeWindow?: number
  /**
   * After how long without a sign of life a member's events go to others, in milliseconds. Members give it by themselves while
   * they hold events, also for handlers that run long. Default 10,000.
   */
  readonly ackWait?: number
  /** First part of reply subjects. Default `_INBOX`; permissions per user often need another. */
  readonly inboxPrefix?: string
  /** How long a connect may take, in milliseconds. Default 5,000. */
  readonly connectTimeout?: number
  /** How long one operation on the server may take, in milliseconds. Default 5,000. */
  readonly operationTimeout?: number
  /** Between two tries to reconnect, in milliseconds. Default 500. */
  readonly reconnectDelay?: number
  /** Between two signs of life asked of the server, in milliseconds; two missing ones are a lost connection. Default 10,000. */
  readonly pingInterval?: number
}

export interface ResolvedOptions {
  readonly servers: readonly string[]
  readonly credentials: (() => Promise<NatsCredentials>) | undefined
  readonly tls: NatsTls | undefined
  readonly replicas: number
  readonly storage: 'file' | 'memory'
  readonly retention: Required<NatsRetention>
  readonly deadLetterAge: number
  readonly dedupeWindow: number
  readonly ackWait: number
  readonly inboxPrefix: string
  readonly connectTimeout: number
  readonly operationTimeout: number
  readonly reconnectDelay: number
  readonly pingInterval: number
}

const DAY = 86_400_000

/** Least and greatest value, and the default. */
export const NUMBERS = {
  replicas: { min: 1, max: 5, fallback: 1 },
  deadLetterAge: { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 30 * DAY },
  dedupeWindow: { min: 100, max: DAY, fallback: 120_000 },
  ackWait: { min: 1_000, max: 3_600_000, fallback: 10_000 },
  connectTimeout: { min: 1, max: 600_000, fallback: 5_000 },
  operationTimeout: { min: 1, max: 600_000, fallback: 5_000 },
  reconnectDelay: { min: 1, max: 600_000, fallback: 500 },
  pingInterval: { min: 1, max: 600_000, fallback: 10_000 },
} as const

export const RETENTION = ['age', 'bytes', 'count'] as const
const OTHERS = ['servers', 'credentials', 'tls', 'storage', 'retention', 'inboxPrefix'] as const
const KNOWN: readonly string[] = [...OTHERS, ...Object.keys(NUMBERS)]
const SECRETS = ['user', 'password', 'token', 'nkey', 'creds'] as const

/** @throws BusError INVALID_OPTIONS naming everything that is wrong, and no secret. */
export function resolveOptions(options: NatsOptions): ResolvedOptions {
  const issues: Issue[] = []
  const given = fields('', options, KNOWN, issues)
  const retention = fields('retention', given.retention, RETENTION, issues)
  const number = (name: keyof typeof NUMBERS) => wholeNumber(name, given[name], NUMBERS[name], issues)
  const limit = (name: (typeof RETENTION)[number], fallback: number) =>
    wholeNumber(
      `retention.${name}`,
      retention[name],
      { min: 0, max: Number.MAX_SAFE_INTEGER, fallback },
      issues,
    )
  const { servers = '127.0.0.1:4222', credentials, tls, storage = 'file', inboxPrefix = '_INBOX' } = given
  const list = (Array.isArray(servers) ? servers : [servers]) as unknown[]
  if (list.length === 0 || !list.every(server => typeof server === 'string' && /^[^\s/@]+$/.test(server)))
    issues.push({
      field: 'servers',
      problem: 'is not a list of hosts',
      remedy: "pass 'host:port', or several; credentials have an option of their own",
    })
  if (storage !== 'file' && storage !== 'memory')
    issues.push({
      field: 'storage',
      problem: 'is neither file nor memory',
      remedy: "pass 'file' or 'memory'",
    })
  if (typeof inboxPrefix !== 'string' || !/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(inboxPrefix))
    issues.push({ field: 'inboxPrefix', problem: 'is not a subject', remedy: 'pass words joined by dots' })
  checkTls(tls, issues)
  if (credentials !== undefined && typeof credentials !== 'function') checkCredentials(credentials, issues)
  const resolved: ResolvedOptions = {
    servers: list as string[],
    credentials:
      credentials === undefined
        ? undefined
        : () => checkedCredentials(credentials as Credentials<NatsCredentials>),
    tls: tls === true ? {} : tls === false ? undefined : (tls as NatsTls | undefined),
    replicas: number('replicas'),
    storage: storage as 'file' | 'memory',
    retention: { age: limit('age', 7 * DAY), bytes: limit('bytes', 0), count: limit('count', 0) },
    deadLetterAge: number('deadLetterAge'),
    dedupeWindow: number('dedupeWindow'),
    ackWait: number('ackWait'),
    inboxPrefix: inboxPrefix as string,
    connectTimeout: number('connectTimeout'),
    operationTimeout: number('operationTimeout'),
    reconnectDelay: number('reconnectDelay'),
    pingInterval: number('pingInterval'),
  }
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', 'nats', issues)
  return resolved
}

type Fields = Readonly<Record<string, unknown>>

function fields(path: string, value: unknown, known: readonly string[], issues: Issue[]): Fields {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    issues.push({ field: path || 'options', problem: 'is not an object' })
    return {}
  }
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const field = path === '' ? name : `${path}.${name}`
    issues.push({ field, problem: 'is not an option of nats', remedy: `use one of ${known.join(', ')}` })
  }
  return value as Fields
}

function wholeNumber(
  field: string,
  value: unknown,
  rule: { readonly min: number; readonly max: number; readonly fallback: number },
  issues: Issue[],
): number {
  if (value === undefined) return rule.fallback
  if (Number.isInteger(value) && (value as number) >= rule.min && (value as number) <= rule.max)
    return value as number
  issues.push({
    field,
    problem: `${String(value)} is not allowed`,
    remedy: `pass a whole number from ${rule.min} to ${rule.max}`,
  })
  return rule.fallback
}

function checkTls(tls: unknown, issues: Issue[]): void {
  if (tls === undefined || typeof tls === 'boolean') return
  const given = fields('tls', tls, ['ca', 'cert', 'key', 'handshakeFirst'], issues)
  for (const name of ['ca', 'cert', 'key'])
    if (given[name] !== undefined && typeof given[name] !== 'string')
      issues.push({ field: `tls.${name}`, problem: 'is not text', remedy: 'pass PEM text, not a path' })
  if (given.handshakeFirst !== undefined && typeof given.handshakeFirst !== 'boolean')
    issues.push({
      field: 'tls.handshakeFirst',
      problem: 'is neither true nor false',
      remedy: 'pass true or false',
    })
  if (issues.length === 0) issues.push(...tlsIssues(given as NatsTls))
}

function checkCredentials(value: unknown, issues: Issue[]): void {
  const given = fields('credentials', value, SECRETS, issues)
  const ways = [
    given.user !== undefined,
    given.token !== undefined,
    given.nkey !== undefined,
    given.creds !== undefined,
  ]
  const texts = Object.values(given).every(text => typeof text === 'string')
  if (
    ways.filter(Boolean).length === 1 &&
    texts &&
    (given.user !== undefined) === (given.password !== undefined)
  )
    return
  issues.push({
    field: 'credentials',
    problem: 'are not one way to log in',
    remedy: 'pass { user, password }, { token }, { nkey } or { creds }',
  })
}

async function checkedCredentials(credentials: Credentials<NatsCredentials>): Promise<NatsCredentials> {
  const secret = await resolveCredentials(credentials)
  const issues: Issue[] = []
  checkCredentials(secret, issues)
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', 'nats', issues)
  return secret
}

export const invalidOption = (field: string, problem: string, remedy: string): BusError =>
  new BusError('INVALID_OPTIONS', `nats: ${field}: ${problem}`, { field, remedy })
