import { META } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { delivery, type Gate, gate, scriptedWorld } from '../support/world.ts'

const retry = { attempts: 3, backoff: { kind: 'fixed', delay: 10 } } as const
/** Handed out as often as the policy allows attempts, without a verdict. */
const suspect = (id: string) => delivery(id, { redeliveries: 3 })

test('a suspect waits until nobody runs, is marked, and runs with nobody beside it', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const gates = new Map<string, Gate>()
  await bus.subscribe('orders', { group: 'g', retry }, ({ event }) => {
    const mine = gate()
    gates.set(event.id, mine)
    return mine.promise
  })
  only.sink.deliver([delivery('before'), suspect('s'), delivery('after')])
  await clock.settle()
  expect([[...gates.keys()], only.marked.length]).toEqual([['before'], 0])
  gates.get('before')?.open()
  await clock.settle()
  expect([[...gates.keys()], only.marked.length]).toEqual([['before', 's'], 1])
  gates.get('s')?.open()
  await clock.settle()
  expect([...gates.keys()]).toEqual(['before', 's', 'after'])
  expect(only.settled).toEqual(['ack before', 'ack s'])
})

test('handlers of other subscriptions of the process wait for a suspect too', async () => {
  const { bus, broker, clock } = await scriptedWorld()
  const hold = gate()
  const handled: string[] = []
  await bus.subscribe('orders', { group: 'g', retry }, () => hold.promise)
  await bus.subscribe('payments', { group: 'g' }, ({ event }) => void handled.push(event.id))
  const [orders, payments] = broker.subscriptions
  orders?.sink.deliver([suspect('s')])
  await clock.settle()
  payments?.sink.deliver([delivery('p')])
  await clock.settle()
  expect(handled).toEqual([])
  hold.open()
  await clock.settle()
  expect(handled).toEqual(['p'])
})

test('a suspect that fails is dead at once, whatever the policy still allows', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', retry }, () => {
    throw new Error('down')
  })
  only.sink.deliver([suspect('s')])
  await clock.settle()
  expect(only.settlements).toMatchObject([{ kind: 'dead', meta: { [META.reason]: 'attempts-exhausted' } }])
})

test('a suspect whose recorded start has no outcome crashed its process: dead, and not handled again', async () => {
  const { bus, only, clock } = await scriptedWorld()
  let handled = 0
  await bus.subscribe('orders', { group: 'g', retry }, () => void handled++)
  only.sink.deliver([delivery('s', { marks: 1, redeliveries: 4 })])
  await clock.settle()
  expect(handled).toBe(0)
  expect(only.settlements).toMatchObject([{ kind: 'dead', meta: { [META.reason]: 'crashed' } }])
})

test('handlers that do not end keep a suspect waiting for 30 seconds; then the others go on, and it still runs alone', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const hold = gate()
  const handled: string[] = []
  await bus.subscribe('orders', { group: 'g', retry, lease: 600_000 }, ({ event }) => {
    handled.push(event.id)
    return event.id === 'long' ? hold.promise : undefined
  })
  only.sink.deliver([delivery('long'), suspect('s'), delivery('other')])
  await clock.advance(29_999)
  expect(handled).toEqual(['long'])
  await clock.advance(1)
  expect(handled).toEqual(['long', 'other'])
  await clock.advance(120_000)
  expect([handled, only.marked.length]).toEqual([['long', 'other'], 0])
  hold.open()
  await clock.advance(60_000)
  expect([handled, only.marked.length]).toEqual([['long', 'other', 's'], 1])
})

test('a suspect whose start cannot be recorded is not started, and tried again a second later', async () => {
  const { bus, only, clock, errors } = await scriptedWorld()
  const handled: string[] = []
  await bus.subscribe('orders', { group: 'g', retry }, ({ event }) => void handled.push(event.id))
  let broken = true
  only.onMark = () => (broken ? Promise.reject(new Error('no answer')) : Promise.resolve())
  only.sink.deliver([suspect('s'), delivery('other')])
  await clock.advance(999)
  expect(handled).toEqual(['other'])
  expect(errors).toMatchObject([{ code: 'SETTLEMENT_FAILED', cause: { message: 'no answer' } }])
  broken = false
  await clock.advance(1)
  expect([handled, only.marked.length]).toEqual([['other', 's'], 2])
})

test('a waiting suspect is given back when the subscription pauses, and the others are free', async () => {
  const { bus, broker, only, clock } = await scriptedWorld()
  const handled: string[] = []
  const hold = gate()
  const orders = await bus.subscribe('orders', { group: 'g', retry }, () => {})
  await bus.subscribe('payments', { group: 'g' }, ({ event }) => {
    handled.push(event.id)
    return event.id === 'p1' ? hold.promise : undefined
  })
  const payments = broker.subscriptions[1]
  payments?.sink.deliver([delivery('p1')])
  only.sink.deliver([suspect('s')])
  await clock.settle()
  payments?.sink.deliver([delivery('p2')])
  await clock.settle()
  expect(handled).toEqual(['p1'])
  orders.pause()
  await clock.settle()
  expect([handled, only.settled]).toEqual([['p1', 'p2'], ['release s']])
  hold.open()
})

test('redeliveries below the limit are no suspicion', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', retry }, () => {})
  only.sink.deliver([delivery('a', { redeliveries: 2 })])
  await clock.settle()
  expect([only.marked.length, only.settled]).toEqual([0, ['ack a']])
})
