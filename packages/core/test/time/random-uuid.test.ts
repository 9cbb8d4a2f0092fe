import { expect, test } from 'vitest'
import { randomUuid } from '../../src/time/random-uuid.ts'

/** More than one filling of the pool of random bytes. */
const ids = Array.from({ length: 2_000 }, randomUuid)

test('ids are version 4 UUIDs, each another', () => {
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Set(ids).size).toBe(ids.length)
})

test('every digit but the version is random', () => {
  const seen = Array.from({ length: 36 }, (_, place) => new Set(ids.map(id => id[place])).size)
  const expected = Array.from({ length: 36 }, (_, place) => {
    if ([8, 13, 14, 18, 23].includes(place)) return 1
    return place === 19 ? 4 : 16
  })
  expect(seen).toEqual(expected)
})
