import { describe, expect, it } from 'vitest'
import { BEHAVIOURS } from '../../src/behaviours/behaviours.ts'
import { LEFT_OUT } from '../../src/behaviours/left-out.ts'
import { allCases } from '../../src/cases/index.ts'

const numbers = Object.keys(BEHAVIOURS).map(Number)
const covered = new Set(allCases.flatMap(item => item.covers ?? []))
const leftOut = new Set(LEFT_OUT.map(item => item.behaviour))

describe('the list of behaviours', () => {
  it('is complete', () => {
    expect(numbers).toEqual(Array.from({ length: 135 }, (_, at) => at + 1))
  })

  it('is proven by a case, or left out with a reason', () => {
    expect(numbers.filter(number => !covered.has(number) && !leftOut.has(number))).toEqual([])
  })

  it('leaves nothing out that a case proves', () => {
    expect([...leftOut].filter(number => covered.has(number))).toEqual([])
  })

  it('is what cases cite, and each cites something', () => {
    expect([...covered].filter(number => BEHAVIOURS[number] === undefined)).toEqual([])
    expect(allCases.filter(item => (item.covers ?? []).length === 0).map(item => item.id)).toEqual([])
  })
})

describe('cases', () => {
  it('have ids of their own, versioned', () => {
    const ids = allCases.map(item => item.id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[a-z-]+\.[a-z0-9-]+@[1-9]\d*$/)
  })

  it('have permutations that can be told apart', () => {
    for (const { id, permutations = [] } of allCases) {
      const names = permutations.map(permutation => permutation.name)
      expect(new Set(names).size, id).toBe(names.length)
      for (const name of names) expect(name, id).not.toBe('')
    }
  })
})
