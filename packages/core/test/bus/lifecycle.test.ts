import { event, request, topic } from '@busbar/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { delivery, gate, memoryWorld, plain, scriptedWorld, watch } from '../support/world.ts'

const Ask = request('ask', { topic: 'asks', input: z.object({}), output: z.object({}) })
const Placed = event('placed', { topic: 'orders' })

test('after close every call is refused with BUS_CLOSED, and closing again is fine', async () => {
  const { bus } = await scriptedWorld()
  await bus.close()
  await bus.close()
  const closed = { code: 'BUS_CLOSED' }
  await expect(bus.publish('orders', plain())).rejects.toMatchObject(closed)
  await expect(bus.publishBatch([])).rejects.toMatchObject(closed)
  await expect(bus.subscribe('orders', { group: 'g' }, () => {})).rejects.toMatchObject(closed)
  await expect(bus.subscribeBatch('orders', { batch: { max: 1 } }, () => {})).rejects.toMatchObject(closed)
  await expect(bus.request(Ask, {})).rejects.toMatchObject(closed)
  await expect(bus.respond(Ask, { group: 'g' }, () => ({}))).rejects.toMatchObject(closed)
  await expect(bus.queueStats('orders', 'g')).rejects.toMatchObject(closed)
  await expect(bus.verifyTopology()).rejects.toMatchObject(closed)
  expect(() => bus.stream('orders', { group: 'g' })).toThrow(expect.objectContaining(closed))
  expect(() => bus.deadLetters('orders', 'g')).toThrow(expect.objectContaining(closed))
  expect(bus.health.status).toBe('closed')
})

test('drain finishes what runs, gives back what does not, lets handlers publish, and closes', async () => {
  const { bus, only, broker, clock } = await scriptedWorld()
  const hold = gate()
  await bus.subscribe('orders', { group: 'g', concurrency: 1 }, async () => {
    await hold.promise
    await bus.publish('done', plain('last'))
  })
  only.sink.deliver([delivery('a'), delivery('b')])
  const drained = watch(bus.drain())
  await clock.settle()
  expect([drained.state, only.settled, only.calls]).toEqual(['pending', ['release b'], ['stop']])
  // What arrives while the adapter is stopping goes back as well.
  only.sink.deliver([delivery('c')])
  hold.open()
  await clock.settle()
  expect(drained.state).toBe('resolved')
  expect(broker.ids).toEqual([['last']])
  expect(only.settled.sort()).toEqual(['ack a', 'release b', 'release c'])
  expect(only.calls).toEqual(['stop', 'flush', 'close'])
  expect(broker.calls.at(-1)).toBe('close')
  expect(clock.pending).toBe(0)
})

test('drain keeps its deadline whatever the broker does, and leaves no timer', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, () => new Promise(() => {}))
  only.sink.deliver([delivery('a')])
  only.onStop = () => new Promise(() => {})
  const drained = watch(bus.drain({ deadline: 5_000 }))
  await clock.advance(4_999)
  expect(drained.state).toBe('pending')
  await clock.advance(1)
  expect([drained.state, drained.error?.code]).toEqual(['rejected', 'DRAIN_TIMEOUT'])
  expect(clock.pending).toBe(0)
})

test('handlers that do not end by the deadline are aborted, counted, and settle nothing by throwing', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, ({ signal }) => {
    const { promise, fail } = gate()
    signal.addEventListener('abort', () => fail(signal.reason))
    return promise
  })
  only.sink.deliver([delivery('a'), delivery('b'), delivery('c')])
  const drained = watch(bus.drain({ deadline: 1_000 }))
  await clock.advance(1_000)
  expect(drained.error).toMatchObject({
    code: 'DRAIN_TIMEOUT',
    message: expect.stringContaining('3 handlers'),
  })
  expect(only.settled).toEqual([])
})

test('close cuts a drain short: its handlers are aborted and it ends', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, ({ signal }) => {
    const { promise, fail } = gate()
    signal.addEventListener('abort', () => fail(signal.reason))
    return promise
  })
  only.sink.deliver([delivery('a')])
  const drained = watch(bus.drain({ deadline: 60_000 }))
  await clock.settle()
  const closed = watch(bus.close())
  await clock.advance(2_000)
  expect([drained.state === 'pending', closed.state]).toEqual([false, 'resolved'])
})

test('a drain that fails for its deadline leaves events where another member gets them, uncounted', async () => {
  const first = await memoryWorld()
  await first.bus.subscribe('orders', { group: 'g' }, ({ signal }) => {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  await first.bus.publish('orders', plain('a'))
  const drained = watch(first.bus.drain({ deadline: 100 }))
  await first.clock.advance(100)
  expect(drained.error?.code).toBe('DRAIN_TIMEOUT')
  const second = await memoryWorld({ clock: first.clock }, first.broker)
  const seen: unknown[] = []
  await second.bus.subscribe('orders', { group: 'g' }, d => void seen.push([d.event.id, d.attempt]))
  await second.clock.settle()
  expect(seen).toEqual([['a', 1]])
})

test('nothing can be subscribed while the bus drains', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const hold = gate()
  await bus.subscribe('orders', { group: 'g' }, () => hold.promise)
  only.sink.deliver([delivery('a')])
  watch(bus.drain())
  await clock.settle()
  await expect(bus.subscribe('others', { group: 'g' }, () => {})).rejects.toMatchObject({
    code: 'BUS_CLOSED',
  })
  hold.open()
})

test('a second subscription to the same topic and group is refused until the first is closed', async () => {
  const { bus } = await scriptedWorld()
  const first = await bus.subscribe('orders', { group: 'g' }, () => {})
  await expect(bus.subscribe(Placed, { group: 'g' }, () => {})).rejects.toMatchObject({
    code: 'ALREADY_SUBSCRIBED',
    field: 'group',
  })
  await bus.subscribe('orders', { group: 'other' }, () => {})
  await bus.subscribe('orders', {}, () => {})
  await bus.subscribe('orders', {}, () => {})
  await first.close()
  expect(first.state).toBe('closed')
  for (const call of [() => first.pause(), () => first.resume(), () => first.setConcurrency(2)])
    expect(call).toThrow(expect.objectContaining({ code: 'SUBSCRIPTION_CLOSED' }))
  await bus.subscribe('orders', { group: 'g' }, () => {})
})

test('leaving a stream frees its topic and group', async () => {
  const { bus } = await scriptedWorld()
  const stream = bus.stream('orders', { group: 'g' })
  await stream.ready()
  await stream.close()
  expect(bus.stats.subscriptions).toEqual([])
  await bus.subscribe('orders', { group: 'g' }, () => {})
})

test.each([
  ['ordered', { ordered: true }],
  ['partitions', { partitions: 4 }],
  ['address', { address: 'existing' }],
  ['retention', { retention: { age: 1_000 } }],
] as const)('a topic that is declared twice with another %s is a conflict', async (field, options) => {
  const { bus } = await scriptedWorld()
  await bus.publish(topic('orders'), plain())
  await expect(
    bus.publish(topic('orders', options), plain('x', { partitionkey: 'k' })),
  ).rejects.toMatchObject({
    code: 'TOPIC_CONFLICT',
    field,
  })
})

test('the same declaration twice, and a bare name after it, are one topic', async () => {
  const { bus, broker } = await scriptedWorld()
  const declare = () => topic('orders', { ordered: true, partitions: 4, retention: { age: 1_000 } })
  await bus.publish(declare(), plain('a', { partitionkey: 'k' }))
  await bus.publish(declare(), plain('b', { partitionkey: 'k' }))
  await expect(bus.publish('orders', plain('c'))).rejects.toMatchObject({ code: 'KEY_REQUIRED' })
  expect(broker.calls.filter(call => call === 'topology')).toHaveLength(1)
})

test('health and stats tell what the bus does', async () => {
  const { bus, only, clock, broker } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g' }, () => new Promise(() => {}))
  await bus.publish('orders', plain())
  only.sink.deliver([delivery('a')])
  await clock.advance(2_000)
  expect(bus.health).toEqual({
    status: 'live',
    connection: 'live',
    subscriptions: [
      { topic: 'orders', group: 'g', state: 'live', running: 1, oldestRunning: 2_000, stuck: false },
    ],
  })
  expect(bus.stats).toMatchObject({ published: 1, publishing: 0, subscriptions: [{ held: 1, running: 1 }] })
  broker.context?.onState('reconnecting')
  expect(bus.health).toMatchObject({ status: 'degraded', connection: 'reconnecting' })
})

test('an error that the adapter reports reaches onError, typed', async () => {
  const { broker, errors } = await scriptedWorld()
  broker.context?.onError(new Error('channel closed'), 'amqp')
  expect(errors).toMatchObject([{ code: 'INTERNAL', cause: { message: 'channel closed' } }])
})
