import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deque } from '../../src/collections/deque.ts'

test('behaves as a plain array does, whatever is done to it', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('push', 'unshift', 'remove'), item: fc.nat({ max: 20 }) }),
    fc.record({ do: fc.constantFrom('shift', 'shift', 'shift', 'drain'), item: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const deque = new Deque<number>()
      let model: number[] = []
      for (const { do: what, item } of steps) {
        if (what === 'push') model.push(item)
        if (what === 'unshift') model.unshift(item)
        if (what === 'push' || what === 'unshift') deque[what](item)
        if (what === 'shift') expect(deque.shift()).toBe(model.shift())
        if (what === 'remove') {
          const index = model.indexOf(item)
          if (index !== -1) model.splice(index, 1)
          expect(deque.remove(item)).toBe(index !== -1)
        }
        if (what === 'drain') {
          expect(deque.drain()).toEqual(model)
          model = []
        }
        expect([deque.length, deque.peek()]).toEqual([model.length, model[0]])
      }
    }),
  )
})

test('a long queue that is worked off from the front gives its memory back and keeps its order', () => {
  const deque = new Deque<number>()
  for (let i = 0; i < 10_000; i++) deque.push(i)
  for (let i = 0; i < 9_000; i++) expect(deque.shift()).toBe(i)
  deque.unshift(8_999)
  expect(deque.remove(9_500)).toBe(true)
  const rest = deque.drain()
  expect([rest.length, rest[0], rest[1], rest.at(-1), rest.includes(9_500)]).toEqual([
    1_000,
    8_999,
    9_000,
    9_999,
    false,
  ])
})
