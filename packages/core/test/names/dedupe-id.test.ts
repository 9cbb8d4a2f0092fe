import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type DedupePurpose, dedupeId } from '../../src/names/index.ts'

it('is the same for the same publish, and short enough for every broker', () => {
  const id = dedupeId('orders', '/shop', 'e1', 'publish')
  expect(dedupeId('orders', '/shop', 'e1', 'publish')).toBe(id)
  expect(id).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

it('differs by topic, source, id and purpose, wherever one ends and the next begins', () => {
  const text = fc.stringMatching(/^[ab.1]{0,3}$/)
  const purpose = fc.constantFrom<DedupePurpose[]>('publish', 'retry-1', 'retry-2', 'redrive-1', 'dead')
  const input = fc.tuple(text, text, text, purpose)
  fc.assert(
    fc.property(input, input, (a, b) => {
      expect(dedupeId(...a) === dedupeId(...b)).toBe(JSON.stringify(a) === JSON.stringify(b))
    }),
    { numRuns: 2000 },
  )
})
