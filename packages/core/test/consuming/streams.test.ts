import { META } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { delivery, memoryWorld, plain, scriptedWorld, watch } from '../support/world.ts'

test('a stream hands out one event at a time; ack resolves when the broker has taken it over', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const stream = bus.stream('orders', { group: 'g' })
  await stream.ready()
  only.result = () => undefined
  only.sink.deliver([delivery('a'), delivery('b')])
  const reader = stream[Symbol.asyncIterator]()
  const { value } = await reader.next()
  const acked = watch(value.ack())
  await clock.settle()
  expect([acked.state, only.settled]).toEqual(['pending', ['ack a']])
  only.sink.settled(only.settlements.slice(), { status: 'done' })
  await clock.settle()
  expect(acked.state).toBe('resolved')
  expect(stream.stats).toMatchObject({ handled: 1, held: 1, running: 0 })
})

test('every way to settle by hand', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const stream = bus.stream('orders', {
    group: 'g',
    retry: { attempts: 5, backoff: { kind: 'fixed', delay: 50 } },
  })
  await stream.ready()
  only.sink.deliver(['ack', 'retry', 'retry-in', 'dead', 'release', 'twice'].map(id => delivery(id)))
  const reader = stream[Symbol.asyncIterator]()
  for (let i = 0; i < 6; i++) {
    const { value } = await reader.next()
    if (value.event.id === 'ack') await value.ack()
    if (value.event.id === 'retry') await value.retry()
    if (value.event.id === 'retry-in') await value.retry({ delay: 7_000 })
    if (value.event.id === 'dead') await value.deadLetter('no such order')
    if (value.event.id === 'release') await value.release()
    if (value.event.id === 'twice') await Promise.all([value.ack(), value.deadLetter('too late')])
  }
  const now = clock.now()
  expect(only.settlements).toMatchObject([
    { kind: 'ack' },
    { kind: 'retry', notBefore: now + 50 },
    { kind: 'retry', notBefore: now + 7_000 },
    { kind: 'dead', meta: { [META.reason]: 'rejected', [META.errorMessage]: 'no such order' } },
    { kind: 'release' },
    { kind: 'ack' },
  ])
})

test('a delay that is no number of milliseconds is refused, and the event can still be settled', async () => {
  const { bus, only } = await scriptedWorld()
  const stream = bus.stream('orders', { group: 'g' })
  await stream.ready()
  only.sink.deliver([delivery('a')])
  const { value } = await stream[Symbol.asyncIterator]().next()
  await expect(value.retry({ delay: -1 })).rejects.toMatchObject({ code: 'INVALID_OPTIONS', field: 'delay' })
  await value.ack()
  expect(only.settled).toEqual(['ack a'])
})

test('leaving the loop closes the subscription: what is unsettled goes back to the group', async () => {
  const { bus, clock, broker } = await memoryWorld()
  const stream = bus.stream('orders', { group: 'g' })
  await stream.ready()
  for (const id of ['a', 'b', 'c']) await bus.publish('orders', plain(id))
  for await (const item of stream) {
    await item.ack()
    break
  }
  await clock.settle()
  expect(broker.inspect().queues).toMatchObject([{ members: 0, ready: 2, inFlight: 0 }])
  const rest: string[] = []
  await bus.subscribe('orders', { group: 'g' }, ({ event }) => void rest.push(event.id))
  await clock.settle()
  expect(rest).toEqual(['b', 'c'])
})

test('settling after the stream was closed resolves: the delivery is no longer ours', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const stream = bus.stream('orders', { group: 'g' })
  await stream.ready()
  only.sink.deliver([delivery('a')])
  const { value } = await stream[Symbol.asyncIterator]().next()
  await stream.close()
  const acked = watch(value.ack())
  await clock.advance(5_000)
  expect(acked.state).toBe('resolved')
})

test('batches: several events a turn, each settled by itself', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const stream = bus.stream('orders', { group: 'g', batch: { max: 2 } })
  await stream.ready()
  only.sink.deliver(['a', 'b', 'c'].map(id => delivery(id)))
  const reader = stream[Symbol.asyncIterator]()
  const first = await reader.next()
  expect(first.value.map((d: { event: { id: string } }) => d.event.id)).toEqual(['a', 'b'])
  const second = await reader.next()
  await Promise.all([...first.value, ...second.value].map(d => d.ack()))
  await clock.settle()
  expect(only.settled).toEqual(['ack a', 'ack b', 'ack c'])
})

test('what no reader has asked for stays unstarted', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const stream = bus.stream('orders', { group: 'g' })
  await stream.ready()
  only.sink.deliver([delivery('a'), delivery('b')])
  await clock.settle()
  expect(stream.stats).toMatchObject({ held: 2, running: 0 })
  await stream.close()
  expect(only.settled.sort()).toEqual(['release a', 'release b'])
})

test.each(['drain', 'close'] as const)('the loop ends when the bus is told to %s', async how => {
  const { bus, clock } = await scriptedWorld()
  const seen: unknown[] = []
  const loop = watch(
    (async () => {
      for await (const item of bus.stream('orders', { group: 'g' })) seen.push(item)
    })(),
  )
  await clock.settle()
  watch(bus[how]())
  await clock.advance(3_000)
  expect([loop.state, seen]).toEqual(['resolved', []])
})

test('a stream of a topic and group in use says so at its first turn', async () => {
  const { bus } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, () => {})
  const stream = bus.stream('orders', { group: 'g' })
  await expect(stream.ready()).rejects.toMatchObject({ code: 'ALREADY_SUBSCRIBED' })
  await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ALREADY_SUBSCRIBED' })
})

test('a retry on a stream without a group resolves, and the event comes again', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const stream = bus.stream('orders', { retry: { attempts: 3, backoff: { kind: 'fixed', delay: 50 } } })
  await stream.ready()
  only.sink.deliver([delivery('a')])
  const reader = stream[Symbol.asyncIterator]()
  const first = (await reader.next()).value
  const retried = watch(first.retry())
  const again = reader.next()
  await clock.advance(50)
  const second = (await again).value
  expect(second.attempt).toBe(2)
  await second.ack()
  await clock.settle()
  expect(retried.state).toBe('resolved')
  expect(only.settled).toEqual(['ack a'])
})
