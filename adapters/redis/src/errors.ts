import type { ErrorCode } from '@busbar/core'
import { BusError, isBusError } from '@busbar/core/adapter'

/** The first word of a server's error reply says which one it is. */
const REPLIES: Readonly<Record<string, readonly [code: ErrorCode, retryable: boolean, remedy: string]>> = {
  WRONGPASS: ['AUTHENTICATION_FAILED', false, 'check user name and password'],
  NOAUTH: ['AUTHENTICATION_FAILED', false, 'pass credentials: the server asks for them'],
  NOPERM: [
    'PERMISSION_DENIED',
    false,
    "give the user access to Busbar's keys, channels and commands (docs/adapters/redis.md)",
  ],
  OOM: ['BROKER_FULL', true, 'raise maxmemory, shorten the retention, or let groups catch up'],
  MISCONF: ['BROKER_REJECTED', true, 'the server cannot save to disk: see its log'],
  READONLY: ['BROKER_REJECTED', true, 'connect to the master: this is a replica'],
  LOADING: ['BROKER_REJECTED', true, 'the server is loading its data: wait'],
  BUSY: ['BROKER_REJECTED', true, 'a script blocks the server: see SCRIPT KILL'],
  MASTERDOWN: ['BROKER_REJECTED', true, 'the master is down: wait for the failover'],
  CLUSTERDOWN: ['BROKER_REJECTED', true, 'the cluster is down: see CLUSTER INFO'],
  TRYAGAIN: ['BROKER_REJECTED', true, 'a slot is being moved: wait'],
  NOREPLICAS: ['BROKER_REJECTED', true, 'too few replicas are connected: see min-replicas-to-write'],
  WRONGTYPE: [
    'TOPOLOGY_INCOMPATIBLE',
    false,
    'another client uses a key of this name for something else: see the topic and its prefix',
  ],
  NOGROUP: ['TOPOLOGY_MISSING', true, 'the group was deleted: subscribe again'],
  CROSSSLOT: ['TOPOLOGY_INCOMPATIBLE', false, "in a cluster an address must have the topic's hash tag"],
}

export const isReplyError = (error: unknown): error is Error =>
  error instanceof Error && (error.name === 'ReplyError' || REPLIES[firstWord(error.message)] !== undefined)

const firstWord = (text: string) => /^-?([A-Z]+)\b/.exec(text)?.[1] ?? ''

/** The driver hangs the command with all its arguments onto an error: the password of an AUTH, the data of a publish. */
function withoutArguments(cause: unknown): unknown {
  if (!(cause instanceof Error) || !('command' in cause)) return cause
  const plain = new Error(cause.message)
  plain.name = cause.name
  return plain
}

/** The error for a reply of the server. */
export function replyError(reply: unknown): BusError {
  if (isBusError(reply)) return reply
  const cause = withoutArguments(reply)
  const { message = String(cause) } = (cause ?? {}) as { message?: string }
  const text = message.replace(/^-/, '')
  // An error inside a script is wrapped by some versions: "ERR … script: …, on @user_script:1: -OOM …".
  const word =
    REPLIES[firstWord(text)] === undefined
      ? (/\b(OOM|NOPERM|WRONGTYPE|MISCONF|READONLY|NOGROUP)\b/.exec(text)?.[1] ?? '')
      : firstWord(text)
  const known = REPLIES[word]
  if (known === undefined)
    return new BusError('BROKER_REJECTED', `Redis refused: ${text.slice(0, 300)}`, { cause })
  const [code, retryable, remedy] = known
  return new BusError(code, `Redis refused: ${text.slice(0, 300)}`, {
    cause,
    retryable,
    remedy,
    ...(code === 'AUTHENTICATION_FAILED' || code === 'PERMISSION_DENIED' ? { field: 'credentials' } : {}),
  })
}

const TLS_CODE = /^(?:ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/

/** Which option a TLS failure is about, and what to do. */
function tlsProblem(code: string, message: string): readonly [field: string, remedy: string] {
  if (/ALTNAME|HOSTNAME_MISMATCH/.test(code))
    return ['tls.servername', 'let the certificate name the host, or pass the name it has as tls.servername']
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN/.test(code))
    return ['tls.cert', 'pass a certificate and key that the server trusts as tls.cert and tls.key']
  if (/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_)/.test(code) || /certificate/i.test(message))
    return ['tls.ca', "pass the authority that signed the server's certificate as tls.ca"]
  return ['tls', 'check that the port speaks TLS (redis:// if it does not), and the certificate and key']
}

/** Where a client connects to, in words and as an option. */
export interface Place {
  readonly text: string
  readonly field: string
}

/** Why a connection was not made; each kind needs different people to act. */
export function connectError(reason: unknown, { text: where, field }: Place): BusError {
  if (isBusError(reason)) return reason
  const cause = withoutArguments(reason)
  const { code = '', message = '' } = (cause ?? {}) as { code?: string; message?: string }
  if (TLS_CODE.test(code) || /certificate|SSL routines|secure TLS connection/i.test(message)) {
    const [option, remedy] = tlsProblem(code, message)
    const text = `no TLS connection to Redis at ${where}: ${message}`
    return new BusError('TLS_FAILED', text, { cause, field: option, remedy })
  }
  if (
    /WRONGPASS|NOAUTH|invalid username-password|AUTH .*without any password|invalid password/i.test(message)
  ) {
    return new BusError('AUTHENTICATION_FAILED', `Redis at ${where} refused the login`, {
      cause,
      field: 'credentials',
      remedy: 'check user name and password',
    })
  }
  if (/^NOPERM/.test(message)) return replyError(cause)
  return new BusError(
    'CONNECTION_FAILED',
    `Redis at ${where} cannot be reached: ${message || code || 'no answer'}`,
    {
      cause,
      field,
      retryable: true,
      remedy: 'check host, port and network, and whether the port speaks TLS (rediss:)',
    },
  )
}

export const connectionLost = (cause?: unknown): BusError =>
  new BusError('CONNECTION_LOST', 'the connection to Redis is lost', {
    retryable: true,
    ...(cause === undefined ? {} : { cause: withoutArguments(cause) }),
  })

export const connectionClosed = (): BusError =>
  new BusError('BUS_CLOSED', 'the connection to Redis is closed')
