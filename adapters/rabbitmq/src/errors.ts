import { BusError, isBusError } from '@busbar/core/adapter'

/** A driver's error, as far as it has anything to read. */
interface DriverError {
  readonly code?: number | string
  readonly message?: string
}

const TLS_CODES =
  /^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_OSSL)/

/** Why a connection was not made: different people have to act on each. `where` is host and virtual host, without credentials. */
export function connectError(cause: unknown, where: string): BusError {
  if (isBusError(cause)) return cause
  const { code, message = '' } = (cause ?? {}) as DriverError
  const text = String(code ?? '')
  if (TLS_CODES.test(text)) {
    return new BusError('TLS_FAILED', `no secure connection to ${where}`, {
      cause,
      field: 'tls',
      retryable: false,
      remedy: 'see the cause; check tls.ca and the name in the certificate, and that the port speaks TLS',
    })
  }
  if (/ACCESS[-_]REFUSED|\b403\b/.test(message)) {
    return new BusError('AUTHENTICATION_FAILED', `RabbitMQ at ${where} refused the login`, {
      cause,
      field: 'credentials',
      remedy: 'check user name and password; guest may connect from the broker’s own host only',
    })
  }
  if (/access to vhost .* refused/i.test(message)) {
    return new BusError('PERMISSION_DENIED', `the user may not use the virtual host of ${where}`, {
      cause,
      field: 'url',
      remedy: 'grant it with rabbitmqctl set_permissions',
    })
  }
  // The driver does not pass on which of the two the broker said.
  if (/ConnectionOpenOk; got <ConnectionClose|vhost .* not found|NOT[-_]ALLOWED/i.test(message)) {
    return new BusError(
      'PERMISSION_DENIED',
      `there is no such virtual host, or the user may not use it: ${where}`,
      {
        cause,
        field: 'url',
        remedy:
          'correct the path of the URL, create it with rabbitmqctl add_vhost, or grant it with set_permissions',
      },
    )
  }
  return new BusError('CONNECTION_FAILED', `RabbitMQ at ${where} cannot be reached`, {
    cause,
    field: 'url',
    retryable: true,
    remedy: 'check host, port and firewall, that the broker runs, and whether the port speaks TLS (amqps:)',
  })
}

export const linkLost = (cause?: unknown): BusError =>
  new BusError('CONNECTION_LOST', 'the connection to RabbitMQ was lost', {
    cause,
    retryable: true,
    remedy: 'it comes back by itself once the broker can be reached',
  })

export const noAnswer = (what: string): BusError =>
  new BusError('CONNECTION_LOST', `RabbitMQ did not answer in time (${what})`, { retryable: true })

/** What the broker said about an operation by closing its channel. */
export function operationError(cause: unknown, what: string): BusError {
  if (isBusError(cause)) return cause
  const { code, message = '' } = (cause ?? {}) as DriverError
  switch (code) {
    case 403:
      return new BusError('PERMISSION_DENIED', `RabbitMQ refused ${what}: ${message}`, {
        cause,
        field: 'credentials',
        remedy: 'grant the user configure, write and read permission for this name',
      })
    case 404:
      return missing(what, cause)
    case 405:
    case 406:
      return new BusError('TOPOLOGY_INCOMPATIBLE', `${what} is on the broker, but is different: ${message}`, {
        cause,
        field: 'topology',
        remedy: 'use the declaration it was created with, delete it when it is empty, or use another name',
      })
    case 311:
      return tooLarge(message, cause)
  }
  if (code === undefined || typeof code === 'string') return linkLost(cause)
  return new BusError('BROKER_REJECTED', `RabbitMQ refused ${what}: ${message}`, { cause, retryable: true })
}

export const missing = (what: string, cause?: unknown): BusError =>
  new BusError('TOPOLOGY_MISSING', `${what} is not on the broker`, {
    cause,
    field: 'topology',
    remedy: "create it, or let the bus do so with topology: 'declare'",
  })

export const tooLarge = (problem: string, cause?: unknown): BusError =>
  new BusError('PAYLOAD_TOO_LARGE', problem, {
    cause,
    field: 'data',
    remedy: "send less, or raise the broker's max_message_size and the option messageBytes together",
  })

/** @param reason what the broker is short of, in its own words. */
export const brokerFull = (reason?: unknown): BusError =>
  new BusError(
    'BROKER_FULL',
    `RabbitMQ takes no messages: it is short of memory or disk${typeof reason === 'string' ? ` (${reason})` : ''}`,
    {
      retryable: true,
      remedy: 'look at its alarms; publishing goes on by itself once they are over',
    },
  )
