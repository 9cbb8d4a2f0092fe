import { describe, expect, it } from 'vitest'
import { Ledger } from '../src/ledger.ts'
import { verdict } from '../src/report.ts'
import { percentile } from '../src/table.ts'

const event = (id: string) => ({ source: '/test', id })
const failures = (ledger: Ledger) => verdict(ledger).flatMap(({ ok, text }) => (ok ? [] : [text]))

describe('the verdict', () => {
  it('is fine when all was handled, or is in a dead-letter queue', () => {
    const ledger = new Ledger()
    ledger.expect(event('1'), 'billing', 'email')
    ledger.expect(event('2'), 'billing')
    ledger.accounts.billing.handle(event('1'), 1)
    ledger.accounts.email.handle(event('1'), 1)
    ledger.accounts.billing.bury([event('2')])
    expect(failures(ledger)).toEqual([])
  })

  it('finds what is missing, in each group by itself', () => {
    const ledger = new Ledger()
    ledger.expect(event('1'), 'email', 'sms', 'screen-1')
    ledger.accounts.email.handle(event('1'), 1)
    expect(failures(ledger)).toEqual(['events are missing: sms misses 1, screen-1 misses 1'])
  })

  it('finds what left the dead-letter queue and did not arrive', () => {
    const ledger = new Ledger()
    ledger.expect(event('1'), 'billing')
    ledger.accounts.billing.bury([event('1')])
    ledger.accounts.billing.bury([])
    expect(failures(ledger)).toEqual(['events are missing: billing misses 1'])
  })

  it('finds an effect that happened twice', () => {
    const ledger = new Ledger()
    for (const order of ['a', 'b', 'b']) ledger.happened('charge', order)
    expect(failures(ledger)).toEqual(['effects are doubled: charge of 1 orders'])
  })

  it('finds events of one order in the wrong order, but not one that was redriven', () => {
    const ledger = new Ledger()
    for (const id of ['1', '2', '3']) ledger.published(event(id))
    ledger.accounts['order-desk'].expect(event('1'))
    ledger.accounts['order-desk'].bury([event('1')])
    ledger.checkOrder('a', event('3'))
    ledger.checkOrder('a', event('1'))
    expect(failures(ledger)).toEqual([])
    ledger.checkOrder('b', event('1'))
    ledger.checkOrder('a', event('2'))
    expect(failures(ledger)).toEqual(['1 events were handled before an earlier one of their order'])
  })
})

describe('an account', () => {
  it('counts a repeat, and says that its effects must not recur', () => {
    const { billing } = new Ledger().accounts
    billing.expect(event('1'))
    expect(billing.handle(event('1'), 1)).toBe(true)
    expect(billing.handle(event('1'), 2)).toBe(false)
    expect(billing.isRepeat(event('1'))).toBe(true)
    expect({ handled: billing.handled, repeats: billing.repeats }).toEqual({ handled: 1, repeats: 2 })
  })

  it('keeps the same id of two sources apart', () => {
    const { billing } = new Ledger().accounts
    billing.expect(event('1'))
    billing.expect({ source: '/other', id: '1' })
    billing.handle(event('1'), 1)
    expect(billing.missing).toBe(1)
  })
})

it('a percentile is a value that occurred', () => {
  expect(percentile([], 0.5)).toBeUndefined()
  expect(percentile([3, 1, 2], 0.5)).toBe(2)
  expect(percentile([3, 1, 2], 0.99)).toBe(3)
})
