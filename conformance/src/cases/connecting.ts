import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type BusError, type ErrorCode, isBusError } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../model/case.ts'
import { REFUSED, type Visitor, WELCOME } from '../model/visitors.ts'
import { item } from './support/items.ts'
import { witness } from './support/witness.ts'

/** Longer than any adapter's default for one attempt, and short enough for whoever starts a service and looks. */
const BOUND = 20_000

/** Different people have to act on each of these. */
const CODES: Readonly<Record<(typeof REFUSED)[number], readonly ErrorCode[]>> = {
  'nobody-there': ['CONNECTION_FAILED'],
  'unknown-host': ['CONNECTION_FAILED'],
  'wrong-password': ['AUTHENTICATION_FAILED'],
  'no-permission': ['PERMISSION_DENIED'],
  'untrusted-authority': ['TLS_FAILED'],
  'wrong-name': ['TLS_FAILED'],
  'no-certificate': ['TLS_FAILED'],
  'tls-to-plain': ['TLS_FAILED'],
  // A server that expects TLS just hangs up.
  'plain-to-tls': ['TLS_FAILED', 'CONNECTION_FAILED'],
}

const named = (visitors: readonly Visitor[]) => visitors.map(visitor => ({ name: visitor, visitor }))

const welcome: ConformanceCase = {
  id: 'connecting.welcome@1',
  title:
    'Events pass over TLS, with a login, and with a certificate of the client where the server demands one',
  requires: ['subscribe.group'],
  visitors: true,
  covers: [127],
  timeLimit: 120_000,
  permutations: named(WELCOME),
  async run(t, { visitor }) {
    const adapter = await t.visitors.adapter(visitor as Visitor)
    const bus = await t.bus({ adapter })
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    await bus.publish('jobs', item('a'))
    await t.until(() => seen.starts('a') === 1, 'the event')
  },
}

const refused: ConformanceCase = {
  id: 'connecting.refused@1',
  title:
    'Who cannot get in learns why in bounded time: a code for each cause, the option, the remedy, and no secret',
  requires: ['subscribe.group'],
  visitors: true,
  covers: [126, 127],
  timeLimit: 120_000,
  permutations: named(REFUSED),
  async run(t, { visitor }) {
    const who = visitor as (typeof REFUSED)[number]
    const adapter = await t.visitors.adapter(who)
    const error = await t.within(failureOf(t, adapter), 'an error', BOUND)
    assert.ok(isBusError(error), `not a BusError: ${inspect(error)}`)
    assert.ok(CODES[who].includes(error.code), `${error.code}: ${error.message}`)
    assert.ok((error.field ?? '').length > 0, `it names no option: ${error.message}`)
    assert.ok((error.remedy ?? '').length > 0, `it does not say what to do: ${error.message}`)
    assert.equal(error.retryable, error.code === 'CONNECTION_FAILED', 'whether trying again may help')
    assert.ok(!everythingIn(error).includes(t.visitors.secret), 'the secret is in the error')
  },
}

/** What a service meets that starts, subscribes and publishes. */
async function failureOf(t: CaseContext, adapter: Awaited<ReturnType<CaseContext['visitors']['adapter']>>) {
  try {
    const bus = await t.bus({ adapter })
    await bus.subscribe('jobs', { group: 'workers' }, () => {})
    await bus.publish('jobs', item('a'))
  } catch (error) {
    return error
  }
  return new Error('it got in')
}

function everythingIn(error: BusError): string {
  return [error.message, error.stack, JSON.stringify(error), inspect(error, { depth: 10 })].join('\n')
}

/** Getting in, and not getting in. */
export const connectingCases: readonly ConformanceCase[] = [welcome, refused]
