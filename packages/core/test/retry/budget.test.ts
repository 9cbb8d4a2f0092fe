import { describe, expect, it } from 'vitest'
import { RetryBudget } from '../../src/retry/index.ts'

describe('RetryBudget', () => {
  it('starts with the burst, then earns a share of what was handled', () => {
    const budget = new RetryBudget({ ratio: 0.5, burst: 2, minPerSecond: 1 })
    expect([budget.spend(0), budget.spend(0)]).toEqual([0, 0])
    expect(budget.spend(0)).toBe(0) // the first slot of the paced ones is now
    expect(budget.spend(0)).toBe(1000)
    budget.earn()
    expect(budget.spend(0)).toBe(2000)
    budget.earn()
    expect(budget.spend(0)).toBe(0)
  })

  it('saves up no more than the burst', () => {
    const budget = new RetryBudget({ ratio: 1, burst: 3 })
    for (let i = 0; i < 100; i++) budget.earn()
    expect(budget.available).toBe(3)
  })

  it('lets retries over budget leave at the minimum rate', () => {
    const budget = new RetryBudget({ ratio: 0, burst: 0, minPerSecond: 4 })
    const leave = Array.from({ length: 5 }, (_, i) => i * 10 + budget.spend(i * 10))
    expect(leave).toEqual([0, 250, 500, 750, 1000])
  })

  it('forgets slots that time has passed', () => {
    const budget = new RetryBudget({ ratio: 0, burst: 0, minPerSecond: 10 })
    budget.spend(0)
    expect(budget.spend(0)).toBe(100)
    expect(budget.spend(5_000)).toBe(0)
    expect(budget.spend(5_000)).toBe(100)
  })

  it('admits no more over a long failure than its rate and its burst', () => {
    const budget = new RetryBudget({ ratio: 0.2, burst: 10, minPerSecond: 5 })
    const leave = Array.from({ length: 2_000 }, (_, i) => i + budget.spend(i))
    expect(leave.filter(time => time < 2_000).length).toBeLessThanOrEqual(10 + 2 * 5)
  })
})
