import { describe, expect, it } from 'vitest'
import { isBusError } from '../../src/errors/index.ts'
import { DEFAULT_POLICY, type RetryPolicyInput, resolvePolicy, retryIssues } from '../../src/retry/index.ts'

const fields = (policy: unknown) => retryIssues(policy).map(issue => issue.field)

describe('resolvePolicy', () => {
  it('is the default without layers', () => {
    expect(resolvePolicy()).toEqual(DEFAULT_POLICY)
    expect(resolvePolicy(undefined, undefined)).toEqual(DEFAULT_POLICY)
  })

  it('takes each field from the nearest layer that has it', () => {
    const bus: RetryPolicyInput = { attempts: 3, maxElapsed: 1000, budget: { ratio: 0.5 } }
    const group: RetryPolicyInput = { attempts: 7, backoff: { kind: 'fixed', delay: 10 } }
    const contract: RetryPolicyInput = {
      backoff: { kind: 'immediate' },
      classify: [{ code: 'X', to: 'ignore' }],
    }
    expect(resolvePolicy(bus, group, contract)).toEqual({
      attempts: 7,
      maxElapsed: 1000,
      backoff: { kind: 'immediate' },
      classify: [{ code: 'X', to: 'ignore' }],
      budget: { ratio: 0.5, minPerSecond: 10, burst: 100 },
    })
    expect(resolvePolicy(bus, { budget: false }).budget).toBe(false)
  })

  it('does not change when the caller changes what was passed', () => {
    const delays = [1, 2]
    const classify = [{ to: 'ignore' as const }]
    const policy = resolvePolicy({ backoff: { kind: 'ladder', delays }, classify })
    delays.push(3)
    classify.pop()
    expect(policy.backoff).toEqual({ kind: 'ladder', delays: [1, 2] })
    expect(policy.classify).toHaveLength(1)
    expect(Object.isFrozen(policy)).toBe(true)
  })

  it('reports the problems of all layers in one error', () => {
    let caught: unknown
    try {
      resolvePolicy({ attempts: 0 }, { backoff: { kind: 'fixed', delay: -1 } })
    } catch (error) {
      caught = error
    }
    expect(isBusError(caught, 'INVALID_OPTIONS')).toBe(true)
    expect(caught).toMatchObject({ issues: [{ field: 'retry.attempts' }, { field: 'retry.backoff.delay' }] })
  })

  it.each<[unknown, string]>([
    [{ attempts: 1.5 }, 'retry.attempts'],
    [{ attempts: Number.POSITIVE_INFINITY }, 'retry.attempts'],
    [{ maxElapsed: -1 }, 'retry.maxElapsed'],
    [{ retries: 3 }, 'retry.retries'],
    [{ backoff: { kind: 'exponental', initial: 1 } }, 'retry.backoff.kind'],
    [{ backoff: { kind: 'exponential' } }, 'retry.backoff.initial'],
    [{ backoff: { kind: 'exponential', initial: 1, factor: 0.5 } }, 'retry.backoff.factor'],
    [{ backoff: { kind: 'exponential', initial: 10, max: 5 } }, 'retry.backoff.max'],
    [{ backoff: { kind: 'linear', initial: 10, increment: 1, max: 5 } }, 'retry.backoff.max'],
    [{ backoff: { kind: 'ladder', delays: [] } }, 'retry.backoff.delays'],
    [{ backoff: { kind: 'ladder', delays: [1, -1] } }, 'retry.backoff.delays.1'],
    [{ backoff: { kind: 'fixed', delay: 1, jitter: { bounded: 2 } } }, 'retry.backoff.jitter.bounded'],
    [{ backoff: { kind: 'immediate', jitter: 'full' } }, 'retry.backoff.jitter'],
    [{ classify: [{ code: 'X' }] }, 'retry.classify.0.to'],
    [{ classify: [{ error: 'TypeError', to: 'retry' }] }, 'retry.classify.0.error'],
    [{ budget: { ratio: -1 } }, 'retry.budget.ratio'],
    [{ budget: true }, 'retry.budget'],
    [null, 'retry'],
  ])('refuses %j', (policy, field) => {
    expect(fields(policy)).toEqual([field])
  })
})
