import { describe, expect, it } from 'vitest'
import { Reject, RetryAfter } from '../../src/errors/index.ts'
import {
  decide,
  type FailureContext,
  RetryBudget,
  type RetryPolicyInput,
  resolvePolicy,
} from '../../src/retry/index.ts'

const NOW = 1_000_000

function verdict(policy: RetryPolicyInput, error: unknown, failure: Partial<FailureContext> = {}) {
  return decide(resolvePolicy({ backoff: { kind: 'fixed', delay: 100 } }, policy), error, {
    attempt: 1,
    firstFailureAt: NOW,
    now: NOW,
    random: { next: () => 0.5 },
    onError: thrown => {
      throw thrown
    },
    ...failure,
  })
}

describe('decide', () => {
  it('retries with the backoff until the last attempt, then gives up', () => {
    expect(verdict({ attempts: 3 }, new Error('x'), { attempt: 2 })).toEqual({
      kind: 'retry',
      delay: 100,
      reason: 'backoff',
    })
    expect(verdict({ attempts: 3 }, new Error('x'), { attempt: 3 })).toEqual({
      kind: 'dead',
      reason: 'attempts-exhausted',
    })
    expect(verdict({ attempts: 3 }, new Error('x'), { attempt: 9 })).toEqual({
      kind: 'dead',
      reason: 'attempts-exhausted',
    })
    expect(verdict({ attempts: 1 }, new Error('x'))).toEqual({ kind: 'dead', reason: 'attempts-exhausted' })
  })

  it('gives up when the next attempt would start too long after the first failure', () => {
    expect(verdict({ maxElapsed: 100 }, new Error('x'))).toMatchObject({ kind: 'retry' })
    expect(verdict({ maxElapsed: 99 }, new Error('x'))).toEqual({ kind: 'dead', reason: 'elapsed' })
    expect(verdict({ maxElapsed: 1000 }, new Error('x'), { attempt: 2, firstFailureAt: NOW - 901 })).toEqual({
      kind: 'dead',
      reason: 'elapsed',
    })
  })

  it('does not guess an unknown first failure', () => {
    const unknown = { firstFailureAt: undefined }
    expect(verdict({ maxElapsed: 99 }, new Error('x'), { attempt: 2, ...unknown })).toMatchObject({
      kind: 'retry',
    })
    expect(verdict({ maxElapsed: 99 }, new Error('x'), { attempt: 1, ...unknown })).toMatchObject({
      reason: 'elapsed',
    })
  })

  it('puts what the handler threw on purpose before the rules', () => {
    const ignoreAll: RetryPolicyInput = { classify: [{ to: 'ignore' }] }
    expect(verdict(ignoreAll, new Reject('never'))).toEqual({ kind: 'dead', reason: 'rejected' })
    expect(verdict(ignoreAll, new RetryAfter(7.2))).toEqual({
      kind: 'retry',
      delay: 8,
      reason: 'retry-after',
    })
  })

  it('holds RetryAfter to the limits', () => {
    expect(verdict({ attempts: 2 }, new RetryAfter(1), { attempt: 2 })).toMatchObject({
      reason: 'attempts-exhausted',
    })
    expect(verdict({ maxElapsed: 500 }, new RetryAfter(501))).toEqual({ kind: 'dead', reason: 'elapsed' })
  })

  it('recognises RetryAfter from another copy of the package', () => {
    const foreign = Object.assign(new Error('later'), {
      name: 'RetryAfter',
      code: 'HANDLER_FAILED',
      delay: 40,
      [Symbol.for('@busbar/error')]: true,
    })
    expect(verdict({}, foreign)).toEqual({ kind: 'retry', delay: 40, reason: 'retry-after' })
    expect(verdict({}, Object.assign(new Error(), { name: 'RetryAfter', delay: 40 }))).toMatchObject({
      reason: 'backoff',
    })
  })

  it('follows the first rule that matches', () => {
    const rules: RetryPolicyInput = {
      classify: [
        { error: TypeError, to: 'dead-letter' },
        { code: ['EDUP', 409], to: 'ignore' },
        { name: 'Busy', to: 'retry' },
        { when: error => error === 'odd', to: 'ignore' },
      ],
    }
    expect(verdict(rules, new TypeError())).toEqual({ kind: 'dead', reason: 'classified' })
    expect(verdict(rules, Object.assign(new TypeError(), { code: 'EDUP' }))).toMatchObject({
      reason: 'classified',
    })
    expect(verdict(rules, { code: 409 })).toEqual({ kind: 'ignore' })
    expect(verdict(rules, { code: '409' })).toMatchObject({ kind: 'retry' })
    expect(verdict(rules, { name: 'Busy' })).toMatchObject({ kind: 'retry' })
    expect(verdict(rules, 'odd')).toEqual({ kind: 'ignore' })
    expect(verdict(rules, undefined)).toMatchObject({ kind: 'retry' })
  })

  it('demands all matchers of a rule of the same error', () => {
    const rules: RetryPolicyInput = { classify: [{ error: TypeError, code: 'X', to: 'ignore' }] }
    expect(verdict(rules, new TypeError('a', { cause: { code: 'X' } }))).toMatchObject({ kind: 'retry' })
    expect(verdict(rules, new Error('a', { cause: Object.assign(new TypeError(), { code: 'X' }) }))).toEqual({
      kind: 'ignore',
    })
  })

  it('looks through causes, circular ones too', () => {
    const rules: RetryPolicyInput = { classify: [{ error: RangeError, to: 'dead-letter' }] }
    const wrapped = new Error('a', { cause: new Error('b', { cause: new RangeError() }) })
    expect(verdict(rules, wrapped)).toEqual({ kind: 'dead', reason: 'classified' })
    const circular = new Error('c')
    circular.cause = circular
    expect(verdict(rules, circular)).toMatchObject({ kind: 'retry' })
  })

  it('takes a predicate that throws as no match, and reports it', () => {
    const reported: unknown[] = []
    const broken = new Error('broken predicate')
    const rules: RetryPolicyInput = {
      classify: [
        {
          when: () => {
            throw broken
          },
          to: 'dead-letter',
        },
        { to: 'ignore' },
      ],
    }
    expect(verdict(rules, new Error('x'), { onError: error => reported.push(error) })).toEqual({
      kind: 'ignore',
    })
    expect(reported).toEqual([broken])
  })

  it('puts off a retry that is over budget, even past maxElapsed, and never gives it up', () => {
    const budget = new RetryBudget({ ratio: 0, burst: 0, minPerSecond: 1 })
    const retry = () => verdict({ maxElapsed: 500 }, new Error('x'), { budget })
    expect(retry()).toEqual({ kind: 'retry', delay: 100, reason: 'backoff' })
    expect(retry()).toEqual({ kind: 'retry', delay: 1000, reason: 'budget' })
    expect(retry()).toEqual({ kind: 'retry', delay: 2000, reason: 'budget' })
  })

  it('spends no budget on what is not retried', () => {
    const budget = new RetryBudget({ burst: 1 })
    verdict({ attempts: 1 }, new Error('x'), { budget })
    verdict({}, new Reject('x'), { budget })
    expect(budget.available).toBe(1)
  })
})
