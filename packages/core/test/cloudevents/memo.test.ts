import { expect, it } from 'vitest'
import { memoised } from '../../src/cloudevents/memo.ts'

const counted = (entries: number) => {
  const calls: string[] = []
  const length = memoised(text => {
    calls.push(text)
    return text.length
  }, entries)
  return { calls, length }
}

it('computes once for a string that repeats', () => {
  const { calls, length } = counted(2)
  expect([length('a'), length('a'), length('bb')]).toEqual([1, 1, 2])
  expect(calls).toEqual(['a', 'bb'])
})

it('forgets rather than grow beyond its bound', () => {
  const { calls, length } = counted(2)
  for (const text of ['a', 'b', 'c', 'a']) length(text)
  expect(calls).toEqual(['a', 'b', 'c', 'a'])
})

it('keeps no long strings', () => {
  const { calls, length } = counted(2)
  const long = 'x'.repeat(1000)
  expect([length(long), length(long)]).toEqual([1000, 1000])
  expect(calls).toHaveLength(2)
})
