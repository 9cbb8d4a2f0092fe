import fc from 'fast-check'
import { expect, it } from 'vitest'
import { OutcomeWindow } from '../../src/retry/outcome-window.ts'

it('counts exactly what lies in its last ten buckets', () => {
  const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 400 }), ok: fc.boolean() }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(steps, run => {
      const window = new OutcomeWindow(1000)
      const seen: { at: number; ok: boolean }[] = []
      let now = 1_700_000_000_000
      for (const { wait, ok } of run) {
        now += wait
        window.add(ok, now)
        seen.push({ at: now, ok })
        const oldest = Math.floor(now / 100) - 9
        const within = seen.filter(outcome => Math.floor(outcome.at / 100) >= oldest)
        expect(window.counts(now)).toEqual({ total: within.length, failed: within.filter(o => !o.ok).length })
      }
    }),
  )
})

it('survives a clock that goes back', () => {
  const window = new OutcomeWindow(1000)
  window.add(false, 5_000)
  window.add(false, 1_000)
  expect(window.counts(900)).toEqual({ total: 2, failed: 2 })
})
