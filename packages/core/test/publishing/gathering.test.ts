import type { Outgoing, PublishResult } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { gate, plain, scriptedWorld } from '../support/world.ts'

const confirm = (batch: readonly Outgoing[]): PublishResult[] => batch.map(() => ({ status: 'confirmed' }))

test('publishes of one turn go out in one batch', async () => {
  const { bus, broker } = await scriptedWorld()
  await bus.publish('orders', plain('warm-up'))
  await Promise.all(['a', 'b', 'c'].map(id => bus.publish('orders', plain(id))))
  expect(broker.ids).toEqual([['warm-up'], ['a', 'b', 'c']])
})

test('a single publish does not linger: it needs no timer', async () => {
  const { bus, clock, broker } = await scriptedWorld()
  const before = clock.now()
  await bus.publish('orders', plain('a'))
  expect(clock.now()).toBe(before)
  expect(broker.ids).toEqual([['a']])
})

test('what arrives while all batches are on their way is gathered into the next one', async () => {
  const first = gate<readonly PublishResult[]>()
  const { bus, broker, clock } = await scriptedWorld({
    limits: { batchesInFlight: 1 },
    answer: batch => (batch[0]?.envelope.attributes.id === 'a' ? first.promise : confirm(batch)),
  })
  const all = [bus.publish('orders', plain('a'))]
  await clock.settle()
  all.push(bus.publish('orders', plain('b')))
  await clock.settle()
  all.push(bus.publish('orders', plain('c')))
  await clock.settle()
  expect(broker.ids).toEqual([['a']])
  first.open([{ status: 'confirmed' }])
  await Promise.all(all)
  expect(broker.ids).toEqual([['a'], ['b', 'c']])
})

test('a batch is bounded by count and by bytes, and a message larger than a batch goes alone', async () => {
  const { bus, broker } = await scriptedWorld({ limits: { batchSize: 3, batchBytes: 100 } })
  await bus.publish('orders', plain('warm-up'))
  const sized = (id: string, bytes: number) =>
    plain(id, { data: new Uint8Array(bytes), datacontenttype: 'application/octet-stream' })
  await Promise.all([
    ...['a', 'b', 'c', 'd'].map(id => bus.publish('orders', sized(id, 10))),
    bus.publish('orders', sized('e', 60)),
    bus.publish('orders', sized('f', 60)),
    bus.publish('orders', sized('g', 500)),
    bus.publish('orders', sized('h', 10)),
  ])
  expect(broker.ids).toEqual([['warm-up'], ['a', 'b', 'c'], ['d', 'e'], ['f'], ['g'], ['h']])
})

test('never more batches on their way than the broker takes', async () => {
  const answers: (() => void)[] = []
  const { bus, broker, clock } = await scriptedWorld({
    limits: { batchesInFlight: 2, batchSize: 1 },
    answer: batch => new Promise(resolve => answers.push(() => resolve(confirm(batch)))),
  })
  const all = ['a', 'b', 'c'].map(id => bus.publish('orders', plain(id)))
  await clock.settle()
  expect(broker.ids).toEqual([['a'], ['b']])
  answers.shift()?.()
  await clock.settle()
  expect(broker.ids).toEqual([['a'], ['b'], ['c']])
  for (const answer of answers) answer()
  await Promise.all(all)
})

test('a batch of entries has a result for each, in order, and rejects for none of them', async () => {
  const { bus } = await scriptedWorld()
  const results = await bus.publishBatch([
    { topic: 'orders', event: plain('a') },
    { topic: 'orders', event: plain('b', { source: '' }) },
    { topic: 'orders', event: plain('c') },
  ])
  expect(results.map(r => (r.status === 'confirmed' ? r.receipt.id : r.error.code))).toEqual([
    'a',
    'INVALID_EVENT',
    'c',
  ])
})
