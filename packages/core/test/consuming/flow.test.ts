import { expect, test } from 'vitest'
import { delivery, type Gate, gate, scriptedWorld, watch } from '../support/world.ts'

test('the window opens to the prefetch only when subscribe resolves, and is four times the concurrency by default', async () => {
  const { bus, only } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', concurrency: 3 }, () => {})
  expect(only.windows).toEqual([12])
  expect(only.spec).toMatchObject({
    kind: 'events',
    topic: 'orders',
    group: 'g',
    start: 'new',
    lease: 30_000,
    maxWindow: 12,
  })
})

test('no more handlers run than the concurrency, and the next starts when one ends', async () => {
  const world = await scriptedWorld()
  const gates = new Map<string, Gate>()
  await world.bus.subscribe('orders', { group: 'g', concurrency: 2 }, ({ event }) => {
    const mine = gate()
    gates.set(event.id, mine)
    return mine.promise
  })
  world.only.sink.deliver(['a', 'b', 'c', 'd'].map(id => delivery(id)))
  await world.clock.settle()
  expect([...gates.keys()]).toEqual(['a', 'b'])
  gates.get('b')?.open()
  await world.clock.settle()
  expect([...gates.keys()]).toEqual(['a', 'b', 'c'])
  expect(world.only.settled).toEqual(['ack b'])
  for (const id of ['a', 'c']) gates.get(id)?.open()
  await world.clock.settle()
  gates.get('d')?.open()
  await world.clock.settle()
  expect(world.bus.stats.subscriptions[0]).toMatchObject({ handled: 4, held: 0, running: 0 })
})

test('ten thousand synchronous handlers in one batch are no deep stack, and settle together', async () => {
  const { bus, only, clock } = await scriptedWorld()
  let handled = 0
  await bus.subscribe('orders', { group: 'g', prefetch: 10_000 }, () => void handled++)
  only.sink.deliver(Array.from({ length: 10_000 }, (_, i) => delivery(String(i))))
  await clock.settle()
  expect(handled).toBe(10_000)
  expect(only.settleCalls).toHaveLength(1)
})

test('changing the concurrency takes effect at once, and the window keeps its proportion', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const running: string[] = []
  const subscription = await bus.subscribe(
    'orders',
    { group: 'g', concurrency: 4, prefetch: 8 },
    ({ event }) => {
      running.push(event.id)
      return new Promise(() => {})
    },
  )
  subscription.setConcurrency(1)
  expect(only.windowSize).toBe(2)
  only.sink.deliver([delivery('a'), delivery('b')])
  await clock.settle()
  expect(running).toEqual(['a'])
  subscription.setConcurrency(4)
  expect(only.windowSize).toBe(8)
  expect(running).toEqual(['a', 'b'])
  expect(() => subscription.setConcurrency(0)).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }))
})

test('core never asks for a window above the one it announced', async () => {
  const { bus, only } = await scriptedWorld()
  const subscription = await bus.subscribe('orders', { group: 'g', concurrency: 4 }, () => {})
  subscription.setConcurrency(16)
  expect(() => subscription.setConcurrency(64)).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }))
  expect(Math.max(...only.windows)).toBeLessThanOrEqual(only.spec.maxWindow)
})

test('pause gives back what waits, lets finish what runs, and takes nothing until resume', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const hold = gate()
  const subscription = await bus.subscribe('orders', { group: 'g', concurrency: 1 }, () => hold.promise)
  only.sink.deliver([delivery('a'), delivery('b'), delivery('c')])
  subscription.pause()
  expect([subscription.state, only.windowSize]).toEqual(['paused', 0])
  await clock.settle()
  expect(only.settled).toEqual(['release b', 'release c'])
  // Already on its way when the window closed.
  only.sink.deliver([delivery('d')])
  hold.open()
  await clock.settle()
  expect(only.settled).toEqual(['release b', 'release c', 'release d', 'ack a'])
  subscription.resume()
  expect([subscription.state, only.windowSize]).toEqual(['live', 4])
  expect(subscription.stats).toMatchObject({ released: 3, handled: 1 })
})

test('an event that the broker returned too early waits in core until it is due', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const handled: string[] = []
  await bus.subscribe('orders', { group: 'g' }, ({ event }) => void handled.push(event.id))
  only.sink.deliver([delivery('early', { notBefore: clock.now() + 500 }), delivery('now')])
  await clock.advance(499)
  expect(handled).toEqual(['now'])
  await clock.advance(1)
  expect(handled).toEqual(['now', 'early'])
})

test('a handler that has been at it for ten leases is reported as stuck', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', lease: 1_000 }, () => new Promise(() => {}))
  only.sink.deliver([delivery('a')])
  await clock.advance(10_000)
  expect(bus.health).toMatchObject({
    status: 'live',
    subscriptions: [{ stuck: false, oldestRunning: 10_000 }],
  })
  await clock.advance(1)
  expect(bus.health).toMatchObject({ status: 'degraded', subscriptions: [{ stuck: true }] })
})

test('a revoked lane resolves once what runs of it has settled, and what waited was given back', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const hold = gate()
  await bus.subscribe('orders', { group: 'g', concurrency: 1 }, () => hold.promise)
  only.sink.deliver([delivery('a'), delivery('b'), delivery('c', { lane: '1' })])
  const revoked = watch(only.sink.revoking(['0'], { signal: new AbortController().signal }))
  await clock.settle()
  expect([revoked.state, only.settled]).toEqual(['pending', ['release b']])
  hold.open()
  await clock.settle()
  expect(revoked.state).toBe('resolved')
  expect(only.settled).toEqual(['release b', 'ack a', 'ack c'])
})

test('a revoked lane whose handler does not end resolves when the broker waits no longer', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, () => new Promise(() => {}))
  only.sink.deliver([delivery('a')])
  const patience = new AbortController()
  const revoked = watch(only.sink.revoking(['0'], { signal: patience.signal }))
  await clock.settle()
  expect(revoked.state).toBe('pending')
  patience.abort()
  await clock.settle()
  expect(revoked.state).toBe('resolved')
})

test('a subscription that cannot be restored says so, and the bus is not live', async () => {
  const { bus, only, errors } = await scriptedWorld()
  const subscription = await bus.subscribe('orders', { group: 'g' }, () => {})
  only.sink.state('reconnecting')
  expect([subscription.state, bus.health.status]).toEqual(['reconnecting', 'degraded'])
  only.sink.state('failed', new Error('queue deleted'))
  expect(subscription.state).toBe('failed')
  expect(errors).toMatchObject([{ code: 'CONNECTION_LOST', cause: { message: 'queue deleted' } }])
})
