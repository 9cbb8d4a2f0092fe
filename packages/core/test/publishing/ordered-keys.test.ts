import { BusError, topic } from '@busbar/core'
import type { Outgoing, PublishResult } from '@busbar/core/adapter'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gate, plain, scriptedWorld, watch } from '../support/world.ts'

const orders = topic('orders', { ordered: true, partitions: 4 })
const keyed = (id: string, key: string) => plain(id, { partitionkey: key })
const idsOf = (batch: readonly Outgoing[]) => batch.map(m => m.envelope.attributes.id ?? '')
const confirmed: PublishResult = { status: 'confirmed' }
const later: PublishResult = {
  status: 'failed',
  error: new BusError('BROKER_FULL', 'later', { retryable: true }),
}
const refused: PublishResult = { status: 'failed', error: new BusError('BROKER_REJECTED', 'never') }

test("a key's next publish waits for one that is on its way, other keys do not", async () => {
  const first = gate<readonly PublishResult[]>()
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => (idsOf(batch).includes('a1') ? first.promise : batch.map(() => confirmed)),
  })
  const all = [bus.publish(orders, keyed('a1', 'a'))]
  await clock.settle()
  all.push(bus.publish(orders, keyed('a2', 'a')), bus.publish(orders, keyed('b1', 'b')))
  await clock.settle()
  expect(broker.ids).toEqual([['a1'], ['b1']])
  first.open([confirmed])
  await Promise.all(all)
  expect(broker.ids).toEqual([['a1'], ['b1'], ['a2']])
})

test('publishes of one key may share a batch, but are never split over two at the same time', async () => {
  const answers: (() => void)[] = []
  const { bus, broker, clock } = await scriptedWorld({
    limits: { batchSize: 2 },
    answer: batch => new Promise(resolve => answers.push(() => resolve(batch.map(() => confirmed)))),
  })
  watch(bus.publish(orders, keyed('warm-up', 'z')))
  await clock.settle()
  answers.shift()?.()
  await clock.settle()
  const all = ['a1', 'a2', 'a3', 'a4'].map(id => watch(bus.publish(orders, keyed(id, 'a'))))
  await clock.settle()
  expect(broker.ids).toEqual([['warm-up'], ['a1', 'a2']])
  answers.shift()?.()
  await clock.settle()
  expect(broker.ids).toEqual([['warm-up'], ['a1', 'a2'], ['a3', 'a4']])
  answers.shift()?.()
  await clock.settle()
  expect(all.map(p => p.state)).toEqual(Array(4).fill('resolved'))
})

test('one that is tried again keeps those of its key behind it', async () => {
  let left = 1
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => batch.map(m => (m.envelope.attributes.id === 'a1' && left-- > 0 ? later : confirmed)),
  })
  const first = watch(bus.publish(orders, keyed('a1', 'a')))
  await clock.settle()
  const second = watch(bus.publish(orders, keyed('a2', 'a')))
  await clock.settle()
  expect(second.state).toBe('pending')
  await clock.advanceUntil(() => second.state === 'resolved')
  expect(first.state).toBe('resolved')
  // Once the first is confirmed; the two may share the batch of the second try.
  expect(broker.ids.flat()).toEqual(['a1', 'a1', 'a2'])
})

test('one that is refused for good lets the next of its key go', async () => {
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => batch.map(m => (m.envelope.attributes.id === 'a1' ? refused : confirmed)),
  })
  const first = watch(bus.publish(orders, keyed('a1', 'a')))
  await clock.settle()
  const second = watch(bus.publish(orders, keyed('a2', 'a')))
  await clock.settle()
  expect([first.error?.code, second.state]).toEqual(['BROKER_REJECTED', 'resolved'])
  expect(broker.ids).toEqual([['a1'], ['a2']])
})

test('a deadline that passes while it is on the wire: the next of its key waits for the answer', async () => {
  const answer = gate<readonly PublishResult[]>()
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => (idsOf(batch).includes('a1') ? answer.promise : batch.map(() => confirmed)),
  })
  const first = watch(bus.publish(orders, keyed('a1', 'a'), { timeout: 1_000 }))
  await clock.settle()
  const second = watch(bus.publish(orders, keyed('a2', 'a'), { timeout: 10_000 }))
  await clock.advance(1_000)
  expect([first.error?.code, second.state]).toEqual(['PUBLISH_UNKNOWN', 'pending'])
  expect(broker.ids).toEqual([['a1']])
  answer.open([confirmed])
  await clock.settle()
  expect(second.state).toBe('resolved')
  expect(broker.ids).toEqual([['a1'], ['a2']])
})

test('a deadline that passes between two tries frees the key', async () => {
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => batch.map(m => (m.envelope.attributes.id === 'a1' ? later : confirmed)),
  })
  const first = watch(bus.publish(orders, keyed('a1', 'a'), { timeout: 20 }))
  await clock.settle()
  const second = watch(bus.publish(orders, keyed('a2', 'a'), { timeout: 10_000 }))
  await clock.advance(20)
  expect([first.error?.code, second.state]).toEqual(['PUBLISH_FAILED', 'resolved'])
  expect(broker.ids.at(-1)).toEqual(['a2'])
})

test('an aborted one in the middle of its key neither goes out nor holds up the rest', async () => {
  const answer = gate<readonly PublishResult[]>()
  const stop = new AbortController()
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => (idsOf(batch).includes('a1') ? answer.promise : batch.map(() => confirmed)),
  })
  const all = [watch(bus.publish(orders, keyed('a1', 'a')))]
  await clock.settle()
  all.push(watch(bus.publish(orders, keyed('a2', 'a'), { signal: stop.signal })))
  all.push(watch(bus.publish(orders, keyed('a3', 'a'))))
  await clock.settle()
  stop.abort()
  answer.open([confirmed])
  await clock.settle()
  expect(all.map(p => p.state)).toEqual(['resolved', 'rejected', 'resolved'])
  expect(broker.ids.flat()).toEqual(['a1', 'a3'])
})

test('an ordered topic without a key is refused, and its events land in the partition of their key', async () => {
  const { bus, broker } = await scriptedWorld()
  await expect(bus.publish(orders, plain('a'))).rejects.toMatchObject({ code: 'KEY_REQUIRED', field: 'key' })
  await bus.publish(orders, keyed('b', 'customer-1'))
  await bus.publish(orders, plain('c'), { key: 'customer-1' })
  const [b, c] = broker.batches.flat()
  expect(b?.to).toEqual(c?.to)
  expect(b?.key).toBe('customer-1')
})

test("whatever the broker answers, and in whatever order, a key's events are stored in publish order", async () => {
  const verdicts = fc.array(
    fc.constantFrom<PublishResult['status'] | 'later'>('confirmed', 'later', 'failed'),
    {
      maxLength: 40,
    },
  )
  const keys = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(keys, verdicts, fc.integer({ min: 1, max: 4 }), async (plan, answers, batchSize) => {
      const stored: string[] = []
      const script = [...answers]
      const { bus, clock } = await scriptedWorld({
        limits: { batchSize, batchesInFlight: 3 },
        answer: batch => {
          // As adapters promise: one that fails for now fails those of its key behind it in the batch.
          const failed = new Set<string>()
          return batch.map(message => {
            const key = message.key ?? ''
            const verdict = failed.has(key) ? 'later' : (script.shift() ?? 'confirmed')
            if (verdict === 'later') {
              failed.add(key)
              return later
            }
            if (verdict === 'failed') return refused
            stored.push(message.envelope.attributes.id ?? '')
            return confirmed
          })
        },
      })
      const all = plan.map((key, i) => watch(bus.publish(orders, keyed(`${key}-${i}`, key))))
      await clock.advanceUntil(() => all.every(p => p.state !== 'pending'))
      for (const key of ['a', 'b', 'c']) {
        const numbers = stored.filter(id => id.startsWith(key)).map(id => Number(id.slice(2)))
        expect(numbers).toEqual([...numbers].sort((x, y) => x - y))
        expect(new Set(numbers).size).toBe(numbers.length)
      }
      await bus.close()
    }),
    { numRuns: 60 },
  )
})
