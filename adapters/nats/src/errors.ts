import { BusError, isBusError } from '@busbar/core/adapter'

type ErrorCode = BusError['code']

/** An error as the JetStream API answers it. */
export interface ApiError {
  readonly code: number
  readonly err_code?: number
  readonly description?: string
}

/** The server's error numbers that mean something to callers. */
export const ERR = {
  streamNotFound: 10059,
  consumerNotFound: 10014,
  consumerExists: 10148,
  noMessage: 10037,
  streamNameInUse: 10058,
  subjectsOverlap: 10065,
} as const

const CODES: Readonly<Record<number, ErrorCode>> = {
  [ERR.streamNotFound]: 'TOPOLOGY_MISSING',
  [ERR.consumerNotFound]: 'TOPOLOGY_MISSING',
  [ERR.streamNameInUse]: 'TOPOLOGY_INCOMPATIBLE',
  [ERR.subjectsOverlap]: 'TOPOLOGY_INCOMPATIBLE',
  10023: 'BROKER_FULL',
  10047: 'BROKER_FULL',
  10028: 'BROKER_FULL',
  10077: 'BROKER_FULL',
  10122: 'BROKER_FULL',
  10054: 'PAYLOAD_TOO_LARGE',
}

/** JetStream is off, for the server or for the account. */
const NOT_ENABLED = new Set([10076, 10039])

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  TOPOLOGY_MISSING: "declare it: topology 'declare' does, at its first use",
  TOPOLOGY_INCOMPATIBLE: 'use the declaration it was created with, or another name or prefix',
  BROKER_FULL: 'raise the limits of the account, the server or the stream, or let groups catch up',
  PAYLOAD_TOO_LARGE: 'raise the limit of the stream, or put large data elsewhere and publish a reference',
}

export const SWITCH_ON = 'switch JetStream on for the server and for the account of this user'

/** What the server refused, as a Busbar error. */
export function refusal(error: ApiError, what: string): BusError {
  // discard: new says it in words only.
  const full = /maximum (?:messages|bytes)/.test(error.description ?? '')
  const code = full
    ? 'BROKER_FULL'
    : (CODES[error.err_code ?? 0] ?? (error.code === 403 ? 'PERMISSION_DENIED' : 'BROKER_REJECTED'))
  const off = NOT_ENABLED.has(error.err_code ?? 0)
  const remedy = off ? SWITCH_ON : REMEDIES[code]
  return new BusError(code, `${what}: ${error.description ?? 'refused'} (${error.err_code ?? error.code})`, {
    cause: error,
    retryable: code === 'BROKER_FULL' || (error.code >= 500 && !off),
    ...(off ? { field: 'credentials' } : {}),
    ...(remedy === undefined ? {} : { remedy }),
  })
}

export const isMissing = (error: unknown): boolean => isBusError(error, 'TOPOLOGY_MISSING')

export const connectionLost = (cause?: unknown): BusError =>
  new BusError('CONNECTION_LOST', 'the connection to NATS was lost', {
    cause,
    retryable: true,
    remedy: 'the adapter reconnects by itself',
  })

export const noAnswer = (what: string): BusError =>
  new BusError('CONNECTION_LOST', `${what}: the server did not answer in time`, {
    retryable: true,
    remedy: 'see whether the server has JetStream switched on, is overloaded, or elects a leader',
  })

/** @param field the option that may have to change, rather than the permission. */
export const permissionDenied = (cause: unknown, field = 'credentials'): BusError =>
  new BusError('PERMISSION_DENIED', `NATS refused: ${messageOf(cause)}`, {
    field,
    cause,
    remedy: 'grant the user the subjects that docs/adapters/nats.md lists',
  })

/** Why a connection could not be made: each kind needs somebody else to act. */
export function connectError(error: unknown, servers: string): BusError {
  if (isBusError(error)) return error
  const text = `${messageOf(error)} ${messageOf((error as { cause?: unknown } | null)?.cause)}`
  if (/authoriz|authenticat|credential|nkey|jwt|seed|checksum|user authentication expired/i.test(text)) {
    return new BusError('AUTHENTICATION_FAILED', `${servers} refused the login`, {
      field: 'credentials',
      cause: error,
      remedy: 'check user and password, token, nkey or creds, and that the server knows them',
    })
  }
  const found = TLS_PROBLEMS.find(([pattern]) => pattern.test(text))
  if (found !== undefined) {
    const [, field, remedy] = found
    return new BusError('TLS_FAILED', `no TLS with ${servers}: ${messageOf(error).trim()}`, {
      field,
      cause: error,
      remedy,
    })
  }
  return new BusError('CONNECTION_FAILED', `${servers} cannot be reached: ${messageOf(error)}`, {
    field: 'servers',
    cause: error,
    retryable: true,
    remedy: 'check host and port, and whether the server runs',
  })
}

/** What the platform, the driver and the server say, who can mend it, and how. */
const TLS_PROBLEMS: readonly [says: RegExp, field: string, remedy: string][] = [
  [
    /altnames|does not match certificate/i,
    'servers',
    'use a host that the certificate names, or a certificate that names this one',
  ],
  [
    /does not support 'tls'/i,
    'tls',
    'the server has no TLS on this port: switch it on there, or leave tls out',
  ],
  [
    /wrong version number|packet length too long/i,
    'tls.handshakeFirst',
    'the server speaks before TLS: leave handshakeFirst out',
  ],
  [
    /certificate required|bad certificate|handshake failure/i,
    'tls.cert',
    'the server asks for a client certificate: pass tls.cert and tls.key, signed by whom it trusts',
  ],
  [
    /self.signed|unable to (?:verify|get)|unknown ca|issuer/i,
    'tls.ca',
    "pass the certificate of who signed the server's as tls.ca",
  ],
  [/expired|not yet valid/i, 'tls', 'renew the certificate, or set the clocks'],
  [
    /tls|ssl|certificate|handshake/i,
    'tls',
    'check the certificates, and whether the server speaks TLS on this port',
  ],
]

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : error === undefined ? '' : String(error)
