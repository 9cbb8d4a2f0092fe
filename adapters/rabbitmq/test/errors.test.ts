import { describe, expect, it } from 'vitest'
import { connectError, operationError } from '../src/errors.ts'

const withCode = (code: unknown, message = 'x') => Object.assign(new Error(message), { code })

describe('why a connection was not made', () => {
  it.each([
    [withCode('ECONNREFUSED'), 'CONNECTION_FAILED', true],
    [withCode('ENOTFOUND'), 'CONNECTION_FAILED', true],
    [new Error('connect ETIMEDOUT'), 'CONNECTION_FAILED', true],
    [
      new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "..."'),
      'AUTHENTICATION_FAILED',
      false,
    ],
    [
      new Error(
        'Handshake terminated by server: 530 (NOT-ALLOWED) with message "NOT_ALLOWED - vhost x not found"',
      ),
      'PERMISSION_DENIED',
      false,
    ],
    [
      new Error("530 (NOT-ALLOWED) \"NOT_ALLOWED - access to vhost 'x' refused for user 'y'\""),
      'PERMISSION_DENIED',
      false,
    ],
    [new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'), 'PERMISSION_DENIED', false],
    [withCode('SELF_SIGNED_CERT_IN_CHAIN'), 'TLS_FAILED', false],
    [withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'TLS_FAILED', false],
  ])('%s is told apart', (cause, code, retryable) => {
    expect(connectError(cause, 'host:5672')).toMatchObject({ code, retryable, cause })
  })
})

describe('what the broker says of an operation', () => {
  it.each([
    [403, 'PERMISSION_DENIED'],
    [404, 'TOPOLOGY_MISSING'],
    [405, 'TOPOLOGY_INCOMPATIBLE'],
    [406, 'TOPOLOGY_INCOMPATIBLE'],
    [undefined, 'CONNECTION_LOST'],
    [541, 'BROKER_REJECTED'],
  ])('by %s has a code of its own', (code, expected) => {
    expect(operationError(withCode(code), 'queue q')).toMatchObject({ code: expected })
  })
})
