import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BinaryHeap } from '../../src/structures/binary-heap.ts'
import { Fifo } from '../../src/structures/fifo.ts'
import { SortedDeque } from '../../src/structures/sorted-deque.ts'

describe('structures', () => {
  it('a heap gives back what it got, smallest first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), numbers => {
        const heap = new BinaryHeap<number>((a, b) => a < b)
        for (const n of numbers) heap.push(n)
        const out = numbers.map(() => heap.pop())
        expect(out).toEqual([...numbers].sort((a, b) => a - b))
        expect(heap.pop()).toBeUndefined()
      }),
    )
  })

  it('a sorted deque equals a sorted array under any mix of inserting and shifting', () => {
    const steps = fc.array(fc.option(fc.integer({ min: 0, max: 5_000 }), { freq: 3 }), { maxLength: 400 })
    fc.assert(
      fc.property(steps, plan => {
        const deque = new SortedDeque<{ order: number }>()
        // Enough to make it compact its head on the way.
        const model = Array.from({ length: 1_500 }, (_, i) => 10_000 + i)
        for (const order of model) deque.insert({ order })
        for (let i = 0; i < 1_200; i++) expect(deque.shift()?.order).toBe(model.shift())
        for (const step of plan) {
          if (step === null) expect(deque.shift()?.order).toBe(model.shift())
          else if (!model.includes(step)) {
            deque.insert({ order: step })
            model.push(step)
            model.sort((a, b) => a - b)
          }
          expect(deque.size).toBe(model.length)
          expect(deque.peek()?.order).toBe(model[0])
        }
        expect(deque.clear().map(i => i.order)).toEqual(model)
      }),
      { numRuns: 20 },
    )
  })

  it('a queue keeps its order when pushing and shifting interleave', () => {
    const fifo = new Fifo<number>()
    const out: (number | undefined)[] = []
    for (let i = 0; i < 9; i++) {
      fifo.push(i)
      if (i % 3 === 2) out.push(fifo.shift())
    }
    while (fifo.size > 0) out.push(fifo.shift())
    expect(out).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })
})
