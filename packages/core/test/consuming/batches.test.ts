import { META } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { delivery, gate, scriptedWorld } from '../support/world.ts'

const many = (...ids: string[]) => ids.map(id => delivery(id))
const retry = { attempts: 3, backoff: { kind: 'fixed', delay: 10 } } as const

test('without a wait, what is there is one batch, up to its size', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const batches: string[][] = []
  await bus.subscribeBatch('orders', { group: 'g', batch: { max: 3 } }, deliveries => {
    batches.push(deliveries.map(d => d.event.id))
  })
  only.sink.deliver(many('a', 'b', 'c', 'd', 'e'))
  await clock.settle()
  expect(batches).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ])
  expect(only.settled).toEqual(['ack a', 'ack b', 'ack c', 'ack d', 'ack e'])
})

test('with a wait, a batch goes when it is full, or when the wait is over', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const batches: string[][] = []
  await bus.subscribeBatch('orders', { group: 'g', batch: { max: 3, wait: 200 } }, deliveries => {
    batches.push(deliveries.map(d => d.event.id))
  })
  only.sink.deliver(many('a'))
  await clock.advance(100)
  only.sink.deliver(many('b'))
  await clock.advance(99)
  expect(batches).toEqual([])
  await clock.advance(1)
  expect(batches).toEqual([['a', 'b']])
  only.sink.deliver(many('c', 'd', 'e', 'f'))
  await clock.settle()
  expect(batches).toEqual([
    ['a', 'b'],
    ['c', 'd', 'e'],
  ])
  await clock.advance(200)
  expect(batches).toEqual([['a', 'b'], ['c', 'd', 'e'], ['f']])
})

test('what has waited its time while all handlers were busy goes as soon as one is free', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const batches: string[][] = []
  const hold = gate()
  await bus.subscribeBatch(
    'orders',
    { group: 'g', concurrency: 1, batch: { max: 2, wait: 100 } },
    deliveries => {
      batches.push(deliveries.map(d => d.event.id))
      return batches.length === 1 ? hold.promise : undefined
    },
  )
  only.sink.deliver(many('a', 'b', 'c'))
  await clock.advance(5_000)
  hold.open()
  await clock.settle()
  expect(batches).toEqual([['a', 'b'], ['c']])
})

test('an outcome for each item: ack, an error, and what is missing is retried', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribeBatch('orders', { group: 'g', retry, batch: { max: 4 } }, () => [
    'ack',
    new Error('no'),
    undefined,
  ])
  only.sink.deliver(many('a', 'b', 'c', 'd'))
  await clock.settle()
  expect(only.settled).toEqual(['ack a', 'retry b', 'retry c', 'retry d'])
})

test('a batch handler that throws, or returns nonsense, fails every item', async () => {
  const { bus, only, clock } = await scriptedWorld()
  let call = 0
  const handler = () => {
    if (call++ === 0) throw new Error('down')
    return 'fine' as never
  }
  await bus.subscribeBatch('orders', { group: 'g', retry, batch: { max: 2 } }, handler)
  only.sink.deliver(many('a', 'b', 'c', 'd'))
  await clock.settle()
  expect(only.settled).toEqual(['retry a', 'retry b', 'retry c', 'retry d'])
})

test('what cannot be handled does not reach the batch, and does not shift the outcomes of the rest', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const bad = delivery('x', { envelope: null, raw: { body: null, headers: [] } })
  await bus.subscribeBatch('orders', { group: 'g', retry, batch: { max: 4 } }, deliveries =>
    deliveries.map(d => (d.event.id === 'b' ? new Error('no') : 'ack')),
  )
  only.sink.deliver([delivery('a'), bad, delivery('b'), delivery('c')])
  await clock.settle()
  const kinds = only.settlements.map(s => (s.kind === 'dead' ? s.meta[META.reason] : s.kind))
  expect(kinds.sort()).toEqual(['ack', 'ack', 'retry', 'undecodable'])
})

test('a suspect leaves the batch and is handled alone', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const batches: string[][] = []
  await bus.subscribeBatch('orders', { group: 'g', retry, batch: { max: 4 } }, deliveries => {
    batches.push(deliveries.map(d => d.event.id))
  })
  only.sink.deliver([delivery('a'), delivery('s', { redeliveries: 3 }), delivery('b'), delivery('c')])
  await clock.settle()
  expect(batches).toEqual([['a'], ['s'], ['b', 'c']])
})

test('a lower concurrency leaves room for a whole batch', async () => {
  const { bus, only } = await scriptedWorld()
  const subscription = await bus.subscribeBatch('orders', { group: 'g', batch: { max: 100 } }, () => {})
  subscription.setConcurrency(1)
  expect(only.windowSize).toBeGreaterThanOrEqual(100)
})

test('batches on an ordered topic, and a prefetch below the batch size, are refused', async () => {
  const { bus } = await scriptedWorld()
  const { topic } = await import('@busbar/core')
  const ordered = topic('ordered', { ordered: true })
  await expect(
    bus.subscribeBatch(ordered, { group: 'g', batch: { max: 2 } }, () => {}),
  ).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    field: 'batch',
  })
  await expect(
    bus.subscribeBatch('orders', { group: 'g', prefetch: 5, batch: { max: 10 } }, () => {}),
  ).rejects.toMatchObject({ code: 'INVALID_OPTIONS', field: 'prefetch' })
})
