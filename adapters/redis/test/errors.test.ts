import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { connectError, replyError } from '../src/errors.ts'

describe('replies of the server', () => {
  it.each([
    ['WRONGPASS invalid username-password pair', 'AUTHENTICATION_FAILED', false],
    ['NOAUTH Authentication required.', 'AUTHENTICATION_FAILED', false],
    ["NOPERM User x has no permissions to run the 'xadd' command", 'PERMISSION_DENIED', false],
    ['-OOM command not allowed when used memory', 'BROKER_FULL', true],
    ['ERR Error running script: @user_script:9: OOM command not allowed', 'BROKER_FULL', true],
    ['MISCONF Redis is configured to save RDB snapshots', 'BROKER_REJECTED', true],
    ['WRONGTYPE Operation against a key', 'TOPOLOGY_INCOMPATIBLE', false],
    ['NOGROUP No such key', 'TOPOLOGY_MISSING', true],
    ['ERR something new', 'BROKER_REJECTED', false],
  ])('%s', (message, code, retryable) => {
    expect(replyError(new Error(message))).toMatchObject({ code, retryable })
  })
})

describe('failed connections', () => {
  it.each([
    [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }, 'CONNECTION_FAILED'],
    [{ code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND' }, 'CONNECTION_FAILED'],
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT', message: 'self-signed certificate' }, 'TLS_FAILED'],
    [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID', message: 'names' }, 'TLS_FAILED'],
    [{ message: 'WRONGPASS invalid username-password pair' }, 'AUTHENTICATION_FAILED'],
    [{ message: 'NOPERM this user has no permissions' }, 'PERMISSION_DENIED'],
  ])('%j', (cause, code) => {
    expect(connectError(cause, { text: 'h:1', field: 'host' })).toMatchObject({ code, cause })
  })
})

it('an error does not carry the arguments of the command it answers', () => {
  const reply = Object.assign(new Error('WRONGPASS invalid username-password pair'), {
    name: 'ReplyError',
    command: { name: 'auth', args: ['hunter2'] },
  })
  const place = { text: 'h:1', field: 'host' }
  for (const error of [connectError(reply, place), replyError(reply)])
    expect(inspect(error, { depth: 20 })).not.toContain('hunter2')
})
