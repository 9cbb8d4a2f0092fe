import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { measure } from '../src/measure.ts'

test('counts the bytes of a round across collections, and its time', async () => {
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc') as typeof globalThis.gc
  let kept: unknown[] = []
  let ended = 0
  const [figure] = await measure(
    [
      {
        group: 'test',
        name: 'arrays',
        events: 20_000,
        prepare: () => ({
          run() {
            // 100 doubles or small integers: at least 400 bytes each, 8 MB in all, several young collections.
            for (let i = 0; i < 20_000; i++) kept[i % 10] = new Array(100).fill(i)
          },
          end: () => void ended++,
        }),
      },
    ],
    3,
  )
  kept = []
  expect(figure?.bytes).toBeGreaterThan(400)
  expect(figure?.bytes).toBeLessThan(2_000)
  expect(figure?.microseconds).toBeGreaterThan(0)
  expect(figure?.best).toBeLessThanOrEqual(figure?.microseconds ?? 0)
  // Three to warm up, three timed, one for the bytes.
  expect(ended).toBe(7)
})

test('those that are compared take turns', async () => {
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc') as typeof globalThis.gc
  const order: string[] = []
  const turn = (name: string) => ({
    group: 'test',
    name,
    events: 1,
    prepare: () => ({ run: () => void order.push(name) }),
  })
  const figures = await measure([turn('a'), turn('b')], 2, 1)
  expect(figures.map(figure => figure.name)).toEqual(['a', 'b'])
  // A round to warm up, two timed, one for the bytes.
  expect(order.join('')).toBe('abababab')
})
