import { BusError, ERROR_CODES, isBusError, Reject, RetryAfter } from '@busbar/core'
import { expect, test } from 'vitest'
import { issuesError } from '../../src/errors/index.ts'

test('the message says what happened and, after a dash, what to do', () => {
  const error = new BusError('ILLEGAL_NAME', 'topic "a b" has a space', {
    field: 'topic',
    remedy: 'use a dash',
  })
  expect(error.message).toBe('topic "a b" has a space - use a dash')
  expect(error).toMatchObject({
    code: 'ILLEGAL_NAME',
    field: 'topic',
    remedy: 'use a dash',
    retryable: false,
    issues: [],
  })
  expect(error).toBeInstanceOf(Error)
  expect('cause' in error).toBe(false)
})

test('errors are told by their brand, so that two copies of the package understand each other', () => {
  const foreign = Object.assign(new Error('x'), { [Symbol.for('@busbar/error')]: true, code: 'BUS_CLOSED' })
  expect(isBusError(foreign)).toBe(true)
  expect(isBusError(foreign, 'BUS_CLOSED')).toBe(true)
  expect(isBusError(foreign, 'ABORTED')).toBe(false)
  for (const other of [new Error('x'), { code: 'BUS_CLOSED' }, null, undefined, 'BUS_CLOSED'])
    expect(isBusError(other)).toBe(false)
})

test('one finding makes a one-line error with its field, several are listed', () => {
  const one = issuesError('INVALID_OPTIONS', 'options', [
    { field: 'a.b', problem: 'is odd', remedy: 'make it even' },
  ])
  expect(one.message).toBe('options: a.b: is odd - make it even')
  expect(one).toMatchObject({ field: 'a.b', remedy: 'make it even' })
  const two = issuesError('INVALID_OPTIONS', 'options', [
    { field: 'a', problem: 'is odd', remedy: 'make it even' },
    { field: 'b', problem: 'is missing' },
  ])
  expect(two.message).toBe('options: 2 problems\n  a: is odd - make it even\n  b: is missing')
  expect(two.issues).toHaveLength(2)
})

test('what handlers throw on purpose', () => {
  expect(new Reject('no', { cause: 1 })).toMatchObject({
    code: 'REJECTED',
    name: 'Reject',
    cause: 1,
    retryable: false,
  })
  expect(new RetryAfter(500)).toMatchObject({ code: 'HANDLER_FAILED', delay: 500, retryable: true })
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never])
    expect(() => new RetryAfter(bad)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', field: 'delay' }),
    )
})

test('codes are unique', () => {
  expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length)
})
