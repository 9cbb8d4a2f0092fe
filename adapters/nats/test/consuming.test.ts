import { META } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { KeyGate } from '../src/consuming/key-gate.ts'
import { parseRecord } from '../src/consuming/records.ts'
import { connectError, refusal } from '../src/errors.ts'
import { assertVersion } from '../src/version.ts'

describe('the key gate', () => {
  it('sends back what follows an event that waits for its retry, and lets other keys pass', () => {
    const gate = new KeyGate(1_000)
    expect(gate.arrive('k', 1, 0)).toBeUndefined()
    gate.away('k', 1, 500)
    expect(gate.arrive('k', 2, 10)).toBe(520)
    expect(gate.arrive('other', 3, 10)).toBeUndefined()
    expect(gate.arrive('k', 3, 600)).toBeGreaterThan(600)
    expect(gate.arrive('k', 1, 600)).toBeUndefined()
    gate.done('k', 1)
    expect(gate.arrive('k', 2, 700)).toBeUndefined()
  })

  it('waits for what an earlier member sent back, but not for ever', () => {
    const gate = new KeyGate(1_000)
    gate.expect('k', 1, 500)
    expect(gate.arrive('k', 2, 0)).toBe(520)
    expect(gate.arrive('k', 2, 1_600)).toBeUndefined()
  })
})

describe('attempt records', () => {
  it('are read as far as they make sense', () => {
    expect(parseRecord('nonsense')).toEqual({ failures: 0, marks: 0, delivered: 0, redeliveries: 0 })
    const written = {
      failures: 2,
      marks: 1,
      delivered: 4,
      redeliveries: 1,
      notBefore: 9,
      meta: { [META.failures]: '2' },
    }
    expect(parseRecord(JSON.stringify(written))).toEqual(written)
    expect(parseRecord('{"failures":-1,"meta":{"evil":"x"}}')).toEqual({
      failures: 0,
      marks: 0,
      delivered: 0,
      redeliveries: 0,
      meta: {},
    })
  })
})

describe('errors', () => {
  it.each([
    [{ code: 404, err_code: 10059 }, 'TOPOLOGY_MISSING', false],
    [{ code: 400, err_code: 10065 }, 'TOPOLOGY_INCOMPATIBLE', false],
    [{ code: 503, err_code: 10077, description: 'maximum messages exceeded' }, 'BROKER_FULL', true],
    [{ code: 503, err_code: 10008 }, 'BROKER_REJECTED', true],
    [{ code: 400, err_code: 10003 }, 'BROKER_REJECTED', false],
  ])('of the API %j are %s', (answer, code, retryable) => {
    expect(refusal(answer, 'x')).toMatchObject({ code, retryable })
  })

  it.each([
    [new Error("'Authorization Violation'"), 'AUTHENTICATION_FAILED'],
    [new Error('self-signed certificate'), 'TLS_FAILED'],
    [new Error('connect ECONNREFUSED'), 'CONNECTION_FAILED'],
  ])('of a connect: %s', (error, code) => {
    expect(connectError(error, 'host')).toMatchObject({ code })
  })
})

describe('versions', () => {
  it.each(['2.9.25', '1.4.0'])('%s is too old', version => {
    expect(() => assertVersion(version)).toThrow(/older than 2\.10/)
  })

  it.each(['2.10.0', '2.15.2', '3.0.0-beta', 'unknown', undefined])('%s will do', version => {
    expect(() => assertVersion(version)).not.toThrow()
  })
})
