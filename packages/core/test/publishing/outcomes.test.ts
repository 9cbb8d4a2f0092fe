import { BusError } from '@busbar/core'
import type { Outgoing, PublishResult } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { gate, never, plain, scriptedWorld, watch } from '../support/world.ts'

const all = (status: PublishResult) => (batch: readonly Outgoing[]) => batch.map(() => status)
const unknown: PublishResult = { status: 'unknown', cause: new Error('link died') }
const refusedForNow: PublishResult = {
  status: 'failed',
  error: new BusError('BROKER_FULL', 'no room', { retryable: true }),
}
const refused: PublishResult = { status: 'failed', error: new BusError('BROKER_REJECTED', 'never') }

test('an unknown outcome is sent again under the same dedupe id until it is confirmed', async () => {
  let left = 2
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => all(left-- > 0 ? unknown : { status: 'confirmed', duplicate: true })(batch),
  })
  const published = bus.publish('orders', plain('a'))
  await clock.advanceUntil(() => broker.batches.length === 3)
  await expect(published).resolves.toMatchObject({ id: 'a', duplicate: true })
  const ids = broker.batches.map(([message]) => message?.dedupeId)
  expect(new Set(ids).size).toBe(1)
  expect(ids[0]).toEqual(expect.any(String))
  expect(bus.stats).toMatchObject({ published: 1, publishRetried: 2, publishing: 0 })
})

test('the same event of two sources has two dedupe ids', async () => {
  const { bus, broker } = await scriptedWorld()
  await bus.publish('orders', plain('a', { source: '/one' }))
  await bus.publish('orders', plain('a', { source: '/two' }))
  const [one, two] = broker.batches.flat()
  expect(one?.dedupeId).not.toBe(two?.dedupeId)
})

test('a refusal that may pass is tried again, one that is final rejects with its own error at once', async () => {
  let left = 1
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => all(left-- > 0 ? refusedForNow : refused)(batch),
  })
  const published = watch(bus.publish('orders', plain('a')))
  await clock.advanceUntil(() => published.state !== 'pending')
  expect(broker.batches).toHaveLength(2)
  expect(published.error?.code).toBe('BROKER_REJECTED')
})

test('refused until its deadline: PUBLISH_FAILED, surely not stored, with the reason as its cause', async () => {
  const { bus, clock } = await scriptedWorld({ answer: all(refusedForNow) })
  const start = clock.now()
  const published = watch(bus.publish('orders', plain('a'), { timeout: 1_000 }))
  await clock.advanceUntil(() => published.state !== 'pending')
  expect(published.error).toMatchObject({
    code: 'PUBLISH_FAILED',
    retryable: true,
    cause: { code: 'BROKER_FULL' },
  })
  expect(clock.now() - start).toBe(1_000)
})

test('once an outcome was unknown, a later refusal does not make it surely not stored', async () => {
  let first = true
  const { bus, clock } = await scriptedWorld({
    answer: batch => {
      const result = first ? unknown : refusedForNow
      first = false
      return all(result)(batch)
    },
  })
  const published = watch(bus.publish('orders', plain('a'), { timeout: 1_000 }))
  await clock.advanceUntil(() => published.state !== 'pending')
  expect(published.error?.code).toBe('PUBLISH_UNKNOWN')
})

test('an answer that never comes: PUBLISH_UNKNOWN at the deadline', async () => {
  const { bus, clock } = await scriptedWorld({ answer: never })
  const published = watch(bus.publish('orders', plain('a')))
  await clock.advance(29_999)
  expect(published.state).toBe('pending')
  await clock.advance(1)
  expect(published.error).toMatchObject({ code: 'PUBLISH_UNKNOWN', retryable: true })
})

test('a deadline that passes before anything was sent: PUBLISH_FAILED', async () => {
  const { bus, clock } = await scriptedWorld({ answer: never }, { publishing: { maxInFlight: 1 } })
  const first = watch(bus.publish('orders', plain('a'), { timeout: 10_000 }))
  const second = watch(bus.publish('orders', plain('b'), { timeout: 1_000 }))
  await clock.advance(1_000)
  expect([first.state, second.error?.code]).toEqual(['pending', 'PUBLISH_FAILED'])
})

test('a shorter deadline behind a longer one is kept', async () => {
  const { bus, clock } = await scriptedWorld({ answer: never })
  const long = watch(bus.publish('orders', plain('a'), { timeout: 5_000 }))
  const short = watch(bus.publish('orders', plain('b'), { timeout: 500 }))
  await clock.advance(500)
  expect([long.state, short.state]).toEqual(['pending', 'rejected'])
  await clock.advance(4_500)
  expect(long.state).toBe('rejected')
})

test('an adapter that gives no result for a message counts as unknown, not as confirmed', async () => {
  const { bus, clock } = await scriptedWorld({ answer: () => [] })
  const published = watch(bus.publish('orders', plain('a'), { timeout: 100 }))
  await clock.advance(100)
  expect(published.error?.code).toBe('PUBLISH_UNKNOWN')
})

test('aborted before it was sent: ABORTED, and it never goes out', async () => {
  const { bus, broker, clock } = await scriptedWorld({ answer: never }, { publishing: { maxInFlight: 1 } })
  watch(bus.publish('orders', plain('a')))
  const stop = new AbortController()
  const published = watch(bus.publish('orders', plain('b'), { signal: stop.signal }))
  await clock.settle()
  stop.abort(new Error('changed my mind'))
  await clock.settle()
  expect(published.error).toMatchObject({ code: 'ABORTED', cause: { message: 'changed my mind' } })
  expect(broker.ids.flat()).toEqual(['a'])
})

test('aborted after it was sent: PUBLISH_UNKNOWN, for it may be stored', async () => {
  const answer = gate<readonly PublishResult[]>()
  const { bus, clock } = await scriptedWorld({ answer: () => answer.promise })
  const stop = new AbortController()
  const published = watch(bus.publish('orders', plain('a'), { signal: stop.signal }))
  await clock.settle()
  stop.abort()
  await clock.settle()
  expect(published.error?.code).toBe('PUBLISH_UNKNOWN')
  answer.open([{ status: 'confirmed' }])
  await clock.settle()
  expect(bus.stats.publishing).toBe(0)
})

test('a signal that is aborted already: ABORTED at once', async () => {
  const { bus, broker } = await scriptedWorld()
  await expect(bus.publish('orders', plain('a'), { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'ABORTED',
  })
  expect(broker.batches).toEqual([])
})

test('the link is back: what waits for its next try goes at once', async () => {
  let down = true
  const { bus, broker, clock } = await scriptedWorld({
    answer: batch => all(down ? unknown : { status: 'confirmed' })(batch),
  })
  const published = watch(bus.publish('orders', plain('a')))
  await clock.settle()
  broker.context?.onState('reconnecting')
  down = false
  const before = clock.now()
  broker.context?.onState('live')
  await clock.settle()
  expect([published.state, clock.now() - before]).toEqual(['resolved', 0])
})
