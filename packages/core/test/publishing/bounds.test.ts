import type { Outgoing, PublishResult } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { plain, scriptedWorld, watch } from '../support/world.ts'

/** Answers one batch at a time, when told to. */
function byHand() {
  const waiting: (() => void)[] = []
  return {
    answer: (batch: readonly Outgoing[]) =>
      new Promise<readonly PublishResult[]>(resolve =>
        waiting.push(() => resolve(batch.map(() => ({ status: 'confirmed' })))),
      ),
    confirmNext: () => waiting.shift()?.(),
  }
}

test('in flight is bounded by count: the next goes out when one is confirmed', async () => {
  const hand = byHand()
  const { bus, broker, clock } = await scriptedWorld(
    { answer: hand.answer, limits: { batchSize: 1, batchesInFlight: 10 } },
    { publishing: { maxInFlight: 2 } },
  )
  const all = ['a', 'b', 'c'].map(id => bus.publish('orders', plain(id)))
  await clock.settle()
  expect(broker.ids.flat()).toEqual(['a', 'b'])
  hand.confirmNext()
  await clock.settle()
  expect(broker.ids.flat()).toEqual(['a', 'b', 'c'])
  hand.confirmNext()
  hand.confirmNext()
  await Promise.all(all)
})

test('in flight is bounded by bytes, and one that is larger than the bound still goes, alone', async () => {
  const hand = byHand()
  const { bus, broker, clock } = await scriptedWorld(
    { answer: hand.answer, limits: { batchSize: 1, batchesInFlight: 10 } },
    { publishing: { maxInFlightBytes: 100 } },
  )
  const sized = (id: string, bytes: number) =>
    plain(id, { data: new Uint8Array(bytes), datacontenttype: 'application/octet-stream' })
  const all = [sized('a', 60), sized('b', 60), sized('c', 500)].map(event => bus.publish('orders', event))
  for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
    await clock.settle()
    expect(broker.ids.flat()).toEqual(expected)
    hand.confirmNext()
  }
  await Promise.all(all)
})

test('more waiting publishes than allowed are refused at once with PUBLISH_OVERFLOW', async () => {
  const hand = byHand()
  const { bus, clock } = await scriptedWorld(
    { answer: hand.answer },
    { publishing: { maxInFlight: 1, maxWaiting: 2 } },
  )
  const all = ['a', 'b', 'c', 'd'].map(id => watch(bus.publish('orders', plain(id))))
  await clock.settle()
  expect(all.map(p => p.error?.code)).toEqual([undefined, undefined, undefined, 'PUBLISH_OVERFLOW'])
  expect(all[3]?.error?.retryable).toBe(true)
  for (let i = 0; i < 3; i++) {
    hand.confirmNext()
    await clock.settle()
  }
  expect(all.slice(0, 3).map(p => p.state)).toEqual(['resolved', 'resolved', 'resolved'])
})

test('a message larger than the broker takes is refused before it is sent', async () => {
  const { bus, broker } = await scriptedWorld({ limits: { messageBytes: 10 } })
  await expect(bus.publish('orders', plain('a', { data: 'x'.repeat(50) }))).rejects.toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    field: 'data',
  })
  expect(broker.batches).toEqual([])
})
