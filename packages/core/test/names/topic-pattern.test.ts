import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkGroupName,
  checkPattern,
  checkTopicName,
  compilePattern,
  isPattern,
  matches,
} from '../../src/names/index.ts'

describe('topic names', () => {
  it.each(['orders', 'orders.eu', 'A-1.b', '-', 'x'.repeat(120)])('accepts %s', name => {
    expect(() => checkTopicName(name)).not.toThrow()
    expect(() => checkPattern(name)).not.toThrow()
  })

  it.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a_b',
    'a b',
    'a/b',
    'ä',
    'a\n',
    'orders.*',
    'x'.repeat(121),
    undefined,
    3,
  ])('refuses %j', name => {
    expect(() => checkTopicName(name)).toThrow(
      expect.objectContaining({ code: 'ILLEGAL_NAME', field: 'topic' }),
    )
  })

  it('allows a group half the length', () => {
    expect(() => checkGroupName('etl.daily')).not.toThrow()
    expect(() => checkGroupName('x'.repeat(61))).toThrow(expect.objectContaining({ field: 'group' }))
  })
})

describe('topic patterns', () => {
  it.each(['*', '**', 'a.*', '**.a', 'a.*.b.**'])('accepts %s', pattern => {
    expect(isPattern(pattern)).toBe(true)
    expect(() => checkPattern(pattern)).not.toThrow()
  })

  it.each(['a*', '***', 'a.*b', '*.', 'a..*', 'a_*'])('refuses %s', pattern => {
    expect(() => checkPattern(pattern)).toThrow(expect.objectContaining({ code: 'ILLEGAL_NAME' }))
  })

  it.each([
    ['orders', 'orders', true],
    ['orders', 'orders.eu', false],
    ['orders.*', 'orders.eu', true],
    ['orders.*', 'orders', false],
    ['orders.*', 'orders.eu.de', false],
    ['orders.**', 'orders.eu.de', true],
    ['orders.**', 'orders', false],
    ['**', 'a.b.c', true],
    ['**.eu', 'eu', false],
    ['**.eu', 'a.eu.b.eu', true],
    ['**.a.**', 'a.a.a', true],
    ['**.a.**', 'a.b', false],
    ['*.b', 'a-c.b', true],
    ['A', 'a', false],
  ])('%s against %s: %s', (pattern, topic, expected) => {
    expect(matches(pattern, topic)).toBe(expected)
  })

  it('agrees with the plain definition on every pattern', () => {
    const segments = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 7 })
    const parts = fc.array(fc.constantFrom('a', 'b', '*', '**'), { minLength: 1, maxLength: 6 })
    const define = (p: readonly string[], s: readonly string[]): boolean => {
      const [part, ...rest] = p
      if (part === undefined) return s.length === 0
      if (s.length === 0) return false
      if (part === '**') return s.some((_, i) => define(rest, s.slice(i + 1)))
      return (part === '*' || part === s[0]) && define(rest, s.slice(1))
    }
    fc.assert(
      fc.property(parts, segments, (p, s) => {
        expect(compilePattern(p.join('.'))(s.join('.'))).toBe(define(p, s))
      }),
      { numRuns: 2000 },
    )
  })

  it('is quick where a naive match is not', () => {
    const pattern = `${'**.'.repeat(39)}x`
    const started = performance.now()
    expect(matches(pattern, Array.from({ length: 60 }, () => 'a').join('.'))).toBe(false)
    expect(performance.now() - started).toBeLessThan(500)
  })
})
