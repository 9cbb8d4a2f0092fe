import { describe, expect, it } from 'vitest'
import { idBefore } from '../src/consuming/position.ts'
import { sequenceOf } from '../src/consuming/redis-delivery.ts'
import { Names } from '../src/names.ts'

describe('start positions', () => {
  it.each([
    ['new', '$'],
    ['earliest', '0'],
    [{ time: new Date(5) }, '4-18446744073709551615'],
    [{ position: '5-3' }, '5-2'],
    [{ position: '5-0' }, '4-18446744073709551615'],
    [{ position: 'five' }, undefined],
  ] as const)('%j begins after %s', (start, id) => {
    expect(idBefore(start)).toBe(id)
  })
})

describe('sequences', () => {
  it('grow with ids, and are exact numbers', () => {
    const ids = ['1800000000000-0', '1800000000000-1', '1800000000000-32767', '1800000000001-0']
    const numbers = ids.map(sequenceOf)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(new Set(numbers).size).toBe(ids.length)
    expect(numbers.every(Number.isSafeInteger)).toBe(true)
  })
})

describe('names', () => {
  it('of one topic share a hash tag', () => {
    const names = new Names('staging')
    for (const key of [...Object.values(names.topic('a.b')), ...Object.values(names.group('a.b', 'c'))])
      expect(key.startsWith('{staging::a.b}')).toBe(true)
  })

  it('of replies are known to their prefix alone', () => {
    const channel = new Names('staging').reply('x-1')
    expect(new Names('staging').isReply(channel)).toBe(true)
    expect(new Names('other').isReply(channel)).toBe(false)
    expect(new Names('staging').isReply(`${channel}!`)).toBe(false)
  })

  it('follow an address', () => {
    const names = new Names('')
    names.group('a', 'g')
    names.address('a', 'legacy')
    expect(names.topic('a').stream).toBe('legacy')
    expect(names.group('a', 'g').stream).toBe('legacy')
  })
})
