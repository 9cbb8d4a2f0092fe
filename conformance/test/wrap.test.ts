import { describe, expect, it } from 'vitest'
import { overlay } from '../src/wrap/overlay.ts'

class Counter {
  #count = 0
  readonly name: string = 'counter'
  next(): number {
    return ++this.#count
  }
  get count(): number {
    return this.#count
  }
}

describe('overlay', () => {
  it('replaces members and leaves the others to the object itself', () => {
    const counter = new Counter()
    const altered = overlay(counter, { name: 'altered' })
    expect(altered.name).toBe('altered')
    expect(altered.next()).toBe(1)
    expect(altered.count).toBe(1)
    expect(counter.name).toBe('counter')
  })

  it('works on a frozen object', () => {
    expect(overlay<{ a: number; b: number }>(Object.freeze({ a: 1, b: 2 }), { a: 3 })).toMatchObject({
      a: 3,
      b: 2,
    })
  })

  it('can be spread, and be asked for its members', () => {
    const altered = overlay<{ a: number; b?: number }>({ a: 1 }, { b: 2 })
    expect({ ...altered }).toEqual({ a: 1, b: 2 })
    expect('b' in altered).toBe(true)
    expect('c' in altered).toBe(false)
  })

  it('can be disposed of', async () => {
    let disposed = false
    const target = {
      async [Symbol.asyncDispose]() {
        disposed = true
      },
    }
    {
      await using _ = overlay(target, {})
    }
    expect(disposed).toBe(true)
  })
})
