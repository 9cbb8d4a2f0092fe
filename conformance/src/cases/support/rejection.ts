import assert from 'node:assert/strict'
import { type BusError, type ErrorCode, isBusError } from '@busbar/core'

/** Asserts that `promise` rejects with a BusError of one of these codes, and gives it back. */
export async function rejection(
  promise: Promise<unknown>,
  ...codes: readonly [ErrorCode, ...ErrorCode[]]
): Promise<BusError> {
  const outcome = await promise.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  )
  assert.ok('error' in outcome, `expected ${codes.join(' or ')}, but it succeeded`)
  const { error } = outcome
  assert.ok(isBusError(error), `expected a BusError ${codes.join(' or ')}, got ${String(error)}`)
  assert.ok(codes.includes(error.code), `expected ${codes.join(' or ')}, got ${error.code}: ${error.message}`)
  return error
}
