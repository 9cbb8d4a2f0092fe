import { describe, expect, it } from 'vitest'
import { topicMatcher } from '../src/topic-pattern.ts'

describe('topic patterns', () => {
  it.each([
    ['orders', 'orders', true],
    ['orders', 'orders.eu', false],
    ['*', 'orders', true],
    ['*', 'orders.eu', false],
    ['orders.*', 'orders.eu', true],
    ['orders.*', 'orders', false],
    ['orders.**', 'orders', false],
    ['orders.**', 'orders.eu.west', true],
    ['**.eu', 'orders.paid.eu', true],
    ['**.eu', 'eu', false],
    ['*.paid.*', 'orders.paid.eu', true],
    ['**.x.**', 'x.x.x', true],
    ['**.x.**', 'x.a.b', false],
    ['order*', 'orders', false],
  ])('%s and %s: %s', (pattern, topic, expected) => {
    expect(topicMatcher(pattern)(topic)).toBe(expected)
  })
})
