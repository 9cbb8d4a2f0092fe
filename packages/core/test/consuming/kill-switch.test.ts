import { expect, test } from 'vitest'
import { delivery, scriptedWorld } from '../support/world.ts'

const options = {
  group: 'g',
  concurrency: 1,
  retry: { attempts: 10, backoff: { kind: 'fixed', delay: 10 } },
  killSwitch: { minimum: 2, failureRatio: 0.5, pause: 1_000, probes: 1 },
} as const

test('enough failures pause the subscription, give back what waits, and are reported', async () => {
  const { bus, only, clock, errors } = await scriptedWorld()
  const handled: string[] = []
  const subscription = await bus.subscribe('orders', options, ({ event }) => {
    handled.push(event.id)
    throw new Error('downstream is gone')
  })
  only.sink.deliver(['a', 'b', 'c'].map(id => delivery(id)))
  await clock.settle()
  expect(handled).toEqual(['a', 'b'])
  expect([subscription.state, only.windowSize]).toEqual(['tripped', 0])
  expect(only.settled.sort()).toEqual(['release c', 'retry a', 'retry b'])
  expect(errors.map(e => e.code)).toEqual(['SUBSCRIPTION_TRIPPED'])
  expect(bus.health.status).toBe('degraded')
})

test('after its pause one message at a time is tried: success opens it again, failure pauses for twice as long', async () => {
  const { bus, only, clock } = await scriptedWorld()
  let down = true
  const subscription = await bus.subscribe('orders', options, () => {
    if (down) throw new Error('downstream is gone')
  })
  only.sink.deliver([delivery('a'), delivery('b')])
  await clock.advance(999)
  expect(only.windowSize).toBe(0)
  await clock.advance(1)
  expect([subscription.state, only.windowSize]).toEqual(['tripped', 1])
  only.sink.deliver([delivery('probe-1')])
  await clock.settle()
  expect(only.windowSize).toBe(0)
  await clock.advance(1_999)
  expect(only.windowSize).toBe(0)
  await clock.advance(1)
  expect(only.windowSize).toBe(1)
  down = false
  only.sink.deliver([delivery('probe-2')])
  await clock.settle()
  expect([subscription.state, only.windowSize]).toEqual(['live', 4])
})

test('rejected, undecodable and unhandled events say nothing about the downstream', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const { Reject } = await import('@busbar/core')
  const subscription = await bus.subscribe('orders', options, () => {
    throw new Reject('bad event')
  })
  only.sink.deliver(Array.from({ length: 10 }, (_, i) => delivery(String(i))))
  await clock.settle()
  expect([subscription.state, subscription.stats.deadLettered]).toEqual(['live', 10])
})

test('a tripped subscription closes without leaving a timer', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', options, () => {
    throw new Error('downstream is gone')
  })
  only.sink.deliver([delivery('a'), delivery('b')])
  await clock.settle()
  await bus.close()
  expect(clock.pending).toBe(0)
})
