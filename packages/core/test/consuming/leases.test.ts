import { expect, test } from 'vitest'
import { delivery, gate, scriptedWorld } from '../support/world.ts'

test('a lease is renewed by two thirds of it, as long as the handler runs, and no longer', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const hold = gate()
  await bus.subscribe('orders', { group: 'g', lease: 3_000 }, () => hold.promise)
  only.sink.deliver([delivery('a')])
  await clock.advance(2_000)
  expect(only.extended.length).toBeGreaterThanOrEqual(1)
  await clock.advance(7_000)
  // Never further apart than two thirds.
  expect(only.extended.length).toBeGreaterThanOrEqual(4)
  hold.open()
  await clock.settle()
  const before = only.extended.length
  await clock.advance(30_000)
  expect(only.extended.length).toBe(before)
})

test('waiting deliveries are renewed too, in one call, but not one whose settlement is on its way', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', lease: 3_000, concurrency: 2 }, ({ event }) =>
    event.id === 'a' ? undefined : new Promise(() => {}),
  )
  only.result = () => undefined
  only.sink.deliver(['a', 'b', 'c', 'd'].map(id => delivery(id)))
  await clock.advance(1_000)
  expect(only.extended.map(call => call.length)).toEqual([3])
})

test('a delivery whose lease was lost aborts its handler, and whatever that does settles nothing', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const reasons: unknown[] = []
  await bus.subscribe('orders', { group: 'g', lease: 3_000 }, ({ signal, event }) => {
    const { promise, fail, open } = gate()
    signal.addEventListener('abort', () => {
      reasons.push(signal.reason)
      if (event.id === 'throws') fail(new Error('interrupted'))
      else open()
    })
    return promise
  })
  only.onExtend = async deliveries => deliveries
  only.sink.deliver([delivery('throws'), delivery('resolves')])
  await clock.advance(2_000)
  expect(reasons).toMatchObject([{ code: 'LEASE_LOST' }, { code: 'LEASE_LOST' }])
  expect(only.settled).toEqual([])
  expect(bus.stats.subscriptions[0]).toMatchObject({ lost: 2, held: 0, running: 0, handled: 0 })
})

test('leases that cannot be renewed are reported, and tried again', async () => {
  const { bus, only, clock, errors } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', lease: 3_000 }, () => new Promise(() => {}))
  only.onExtend = () => Promise.reject(new Error('no answer'))
  only.sink.deliver([delivery('a')])
  await clock.advance(2_000)
  expect(errors[0]).toMatchObject({ code: 'SETTLEMENT_FAILED', cause: { message: 'no answer' } })
  expect(only.extended.length).toBe(2)
})

test('the link is gone: what waits is dropped unhandled, what runs is aborted', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const handled: string[] = []
  await bus.subscribe('orders', { group: 'g', concurrency: 1 }, ({ event, signal }) => {
    handled.push(event.id)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  only.sink.deliver([delivery('a'), delivery('b'), delivery('c', { lane: '1' })])
  only.sink.lost({ lane: '0' })
  await clock.settle()
  expect([handled, only.settled]).toEqual([['a', 'c'], []])
  only.sink.lost('all')
  await clock.settle()
  expect(bus.stats.subscriptions[0]).toMatchObject({ lost: 3, held: 0, running: 0 })
})
