import { topic } from '@busbar/core'
import type { PublishResult } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { type Gate, gate, never, plain, scriptedWorld, watch } from '../support/world.ts'

test('flush waits for what was published before, not for what comes after', async () => {
  const answers = new Map<string, Gate<readonly PublishResult[]>>()
  const { bus, clock } = await scriptedWorld({
    limits: { batchSize: 1 },
    answer: ([message]) => {
      const answer = gate<readonly PublishResult[]>()
      answers.set(message?.envelope.attributes.id ?? '', answer)
      return answer.promise
    },
  })
  void bus.publish('orders', plain('before')).catch(() => {})
  await clock.settle()
  const flushed = watch(bus.flush())
  watch(bus.publish('orders', plain('after')))
  await clock.settle()
  expect(flushed.state).toBe('pending')
  answers.get('before')?.open([{ status: 'confirmed' }])
  await clock.settle()
  expect(flushed.state).toBe('resolved')
  answers.get('after')?.open([{ status: 'confirmed' }])
})

test('flush waits for publishes that still wait for their topic to be provisioned', async () => {
  const provisioned = gate<readonly []>()
  const { bus, clock, broker } = await scriptedWorld({ topology: () => provisioned.promise })
  const published = watch(bus.publish('orders', plain('a')))
  const flushed = watch(bus.flush())
  await clock.settle()
  expect(flushed.state).toBe('pending')
  provisioned.open([])
  await clock.settle()
  expect([published.state, flushed.state]).toEqual(['resolved', 'resolved'])
  expect(broker.ids).toEqual([['a']])
})

test('close rejects what was sent as PUBLISH_UNKNOWN, what was not as BUS_CLOSED, and leaves no timer', async () => {
  const { bus, clock } = await scriptedWorld({ answer: never }, { publishing: { maxInFlight: 1 } })
  const sent = watch(bus.publish('orders', plain('a')))
  const waiting = watch(bus.publish('orders', plain('b')))
  await clock.settle()
  await bus.close()
  expect([sent.error?.code, waiting.error?.code]).toEqual(['PUBLISH_UNKNOWN', 'BUS_CLOSED'])
  expect(clock.pending).toBe(0)
  await expect(bus.publish('orders', plain('c'))).rejects.toMatchObject({ code: 'BUS_CLOSED' })
})

test('drain gives publishes their time, and names those that were not confirmed by its deadline', async () => {
  const { bus, clock } = await scriptedWorld({ answer: never })
  const published = watch(bus.publish('orders', plain('a')))
  const drained = watch(bus.drain({ deadline: 3_000 }))
  await clock.advance(2_999)
  expect(drained.state).toBe('pending')
  await clock.advance(1)
  expect(drained.error?.code).toBe('DRAIN_TIMEOUT')
  expect(published.error?.code).toBe('PUBLISH_UNKNOWN')
})

test('close cuts a drain short that waits for publishes', async () => {
  const { bus, clock } = await scriptedWorld({ answer: never })
  watch(bus.publish('orders', plain('a')))
  const drained = watch(bus.drain({ deadline: 60_000 }))
  await clock.settle()
  const closed = watch(bus.close())
  await clock.advance(2_000)
  expect([drained.state, closed.state]).toEqual(['rejected', 'resolved'])
})

test('a topic that could not be provisioned rejects its publishes, and is tried again by the next one', async () => {
  let broken = true
  const { bus, broker } = await scriptedWorld({
    topology: async () => {
      if (broken) throw new Error('no permission')
      return []
    },
  })
  const ordered = topic('orders', { ordered: true })
  await expect(bus.publish(ordered, plain('a', { partitionkey: 'k' }))).rejects.toThrow('no permission')
  broken = false
  await bus.publish(ordered, plain('b', { partitionkey: 'k' }))
  expect(broker.ids).toEqual([['b']])
})

test('publishes of an ordered topic keep the order of the calls while it is being provisioned', async () => {
  const provisioned = gate<readonly []>()
  const { bus, broker, clock } = await scriptedWorld({ topology: () => provisioned.promise })
  const ordered = topic('orders', { ordered: true })
  const all = ['a', 'b', 'c'].map(id => bus.publish(ordered, plain(id, { partitionkey: 'k' })))
  await clock.settle()
  provisioned.open([])
  all.push(bus.publish(ordered, plain('d', { partitionkey: 'k' })))
  await Promise.all(all)
  expect(broker.ids.flat()).toEqual(['a', 'b', 'c', 'd'])
})
