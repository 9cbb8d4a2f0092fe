import { Reject, RetryAfter, topic } from '@busbar/core'
import { META, type Settlement } from '@busbar/core/adapter'
import { expect, test } from 'vitest'
import { delivery, gate, memoryWorld, plain, scriptedWorld, watch } from '../support/world.ts'

const fixed = (delay: number, attempts = 3) => ({ attempts, backoff: { kind: 'fixed', delay } as const })

test('a handler that throws is retried after its backoff, with what is known of the failure', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', retry: fixed(700) }, () => {
    throw new TypeError('no such customer')
  })
  only.sink.deliver([delivery('a')])
  await clock.settle()
  expect(only.settlements).toMatchObject([
    { kind: 'retry', notBefore: clock.now() + 700, metaRequired: false },
  ])
  const [retry] = only.settlements as (Settlement & { kind: 'retry' })[]
  expect(retry?.meta).toMatchObject({
    [META.failures]: '1',
    [META.errorClass]: 'TypeError',
    [META.errorMessage]: 'no such customer',
    [META.firstFailure]: new Date(clock.now()).toISOString(),
  })
})

test('the last attempt that the policy allows goes to the dead-letter queue', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const attempts: number[] = []
  await bus.subscribe('orders', { group: 'g', retry: fixed(10) }, ({ attempt }) => {
    attempts.push(attempt)
    throw new Error('again')
  })
  only.sink.deliver([delivery('a', { failures: 2 })])
  await clock.settle()
  expect(attempts).toEqual([3])
  expect(only.settlements).toMatchObject([
    { kind: 'dead', meta: { [META.reason]: 'attempts-exhausted', [META.failures]: '3', [META.group]: 'g' } },
  ])
})

test('the attempt check comes before the handler: one over its limit is not handled again', async () => {
  const { bus, only, clock } = await scriptedWorld()
  let handled = 0
  await bus.subscribe('orders', { group: 'g', retry: fixed(10, 2) }, () => void handled++)
  only.sink.deliver([delivery('a', { failures: 2 })])
  await clock.settle()
  expect([handled, only.settled]).toEqual([0, ['dead a']])
})

test('Reject dead-letters at once, RetryAfter sets the delay', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', retry: fixed(10) }, ({ event }) => {
    throw event.id === 'a' ? new Reject('not ours') : new RetryAfter(5_000)
  })
  only.sink.deliver([delivery('a'), delivery('b')])
  await clock.settle()
  expect(only.settlements).toMatchObject([
    { kind: 'dead', meta: { [META.reason]: 'rejected', [META.errorMessage]: 'not ours' } },
    { kind: 'retry', notBefore: clock.now() + 5_000 },
  ])
})

test('a policy with a time limit asks the adapter to carry the metadata', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe('orders', { group: 'g', retry: { ...fixed(10), maxElapsed: 1_000 } }, () => {
    throw new Error('again')
  })
  only.sink.deliver([delivery('a')])
  await clock.settle()
  expect(only.settlements).toMatchObject([{ kind: 'retry', metaRequired: true }])
})

test('a spent retry budget puts retries off, one after another', async () => {
  const { bus, only, clock } = await scriptedWorld()
  await bus.subscribe(
    'orders',
    { group: 'g', retry: { ...fixed(0), budget: { burst: 1, ratio: 0, minPerSecond: 2 } } },
    () => {
      throw new Error('down')
    },
  )
  only.sink.deliver(['a', 'b', 'c', 'd'].map(id => delivery(id)))
  await clock.settle()
  const waits = only.settlements.map(s => (s.kind === 'retry' ? s.notBefore - clock.now() : s.kind))
  expect(waits).toEqual([0, 0, 500, 1_000])
})

test('a broadcast is retried in memory, then dropped, counted and reported', async () => {
  const { bus, only, clock, errors } = await scriptedWorld()
  const attempts: [number, number][] = []
  const start = clock.now()
  const subscription = await bus.subscribe('orders', { retry: fixed(100) }, ({ attempt }) => {
    attempts.push([attempt, clock.now() - start])
    throw new Error('down')
  })
  only.sink.deliver([delivery('a')])
  await clock.advance(1_000)
  expect(attempts).toEqual([
    [1, 0],
    [2, 100],
    [3, 200],
  ])
  expect(only.settled).toEqual(['ack a'])
  expect(subscription.stats).toMatchObject({ retried: 2, dropped: 1, deadLettered: 0 })
  expect(errors).toMatchObject([{ code: 'ATTEMPTS_EXHAUSTED', cause: { message: 'down' } }])
})

test('a broadcast event that cannot be decoded is dropped and reported: there is no dead-letter queue', async () => {
  const { bus, only, clock, errors } = await scriptedWorld()
  const subscription = await bus.subscribe('orders', {}, () => {})
  only.sink.deliver([delivery('a', { envelope: null, raw: { body: new Uint8Array([1]), headers: [] } })])
  await clock.settle()
  expect(only.settlements).toMatchObject([{ kind: 'ack' }])
  expect(subscription.stats).toMatchObject({ dropped: 1, deadLettered: 0 })
  expect(errors).toMatchObject([{ code: 'DECODE_FAILED' }])
})

test('on an ordered topic the followers of a retried event go back with it, other keys flow on', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const orders = topic('orders', { ordered: true, partitions: 4 })
  const handled: string[] = []
  await bus.subscribe(orders, { group: 'g', retry: fixed(100) }, ({ event }) => {
    handled.push(event.id)
    if (event.id === 'a1') throw new Error('again')
  })
  only.sink.deliver([
    delivery('a1', { key: 'a' }),
    delivery('b1', { key: 'b' }),
    delivery('a2', { key: 'a' }),
    delivery('a3', { key: 'a' }),
  ])
  await clock.settle()
  expect(handled).toEqual(['a1', 'b1'])
  expect(only.settleCalls.flat().map(s => `${s.kind} ${s.delivery.envelope?.attributes.id}`)).toEqual([
    'retry a1',
    'release a2',
    'release a3',
    'ack b1',
  ])
})

test("a follower that arrives while its key's retry is being settled goes back too", async () => {
  const { bus, only, clock } = await scriptedWorld()
  const orders = topic('orders', { ordered: true })
  const handled: string[] = []
  await bus.subscribe(orders, { group: 'g', retry: fixed(100) }, ({ event }) => {
    handled.push(event.id)
    if (event.id === 'a1') throw new Error('again')
  })
  only.result = () => undefined
  only.sink.deliver([delivery('a1', { key: 'a' })])
  await clock.settle()
  only.sink.deliver([delivery('a2', { key: 'a' })])
  only.sink.settled(only.settlements.slice(0, 1), { status: 'done' })
  await clock.settle()
  expect(handled).toEqual(['a1'])
  expect(only.settled).toEqual(['retry a1', 'release a2'])
})

test("a key's next event starts when its predecessor is settled, not when its handler has ended", async () => {
  const { bus, only, clock } = await scriptedWorld()
  const handled: string[] = []
  await bus.subscribe(
    topic('orders', { ordered: true }),
    { group: 'g' },
    ({ event }) => void handled.push(event.id),
  )
  only.result = () => undefined
  only.sink.deliver([delivery('a1', { key: 'a' }), delivery('a2', { key: 'a' })])
  await clock.settle()
  expect(handled).toEqual(['a1'])
  only.sink.settled(only.settlements.slice(), { status: 'done' })
  await clock.settle()
  expect(handled).toEqual(['a1', 'a2'])
})

test('end to end on an ordered topic: failing events neither lose, double nor reorder their key', async () => {
  const { bus, clock } = await memoryWorld()
  const orders = topic('orders', { ordered: true, partitions: 4 })
  const handled = new Map<string, number[]>()
  await bus.subscribe(
    orders,
    { group: 'g', concurrency: 8, retry: { attempts: 10, backoff: { kind: 'fixed', delay: 50 } } },
    async ({ event, attempt }) => {
      const [key, number] = event.id.split('-') as [string, string]
      if (Number(number) % 3 === 0 && attempt < 3) throw new Error('again')
      handled.set(key, [...(handled.get(key) ?? []), Number(number)])
    },
  )
  const keys = ['a', 'b', 'c', 'd', 'e']
  for (let i = 0; i < 20; i++)
    await Promise.all(keys.map(key => bus.publish(orders, plain(`${key}-${i}`, { partitionkey: key }))))
  const numbers = Array.from({ length: 20 }, (_, i) => i)
  await clock.advanceUntil(() => keys.every(key => handled.get(key)?.length === 20))
  for (const key of keys) expect(handled.get(key)).toEqual(numbers)
})

test('a settlement that fails for now is tried again with growing waits, and the event stays ours', async () => {
  const { bus, only, clock, errors } = await scriptedWorld()
  let left = 4
  only.result = () =>
    left-- > 0
      ? { status: 'failed', error: new Error('busy'), retryable: true, copy: 'none' }
      : { status: 'done' }
  const subscription = await bus.subscribe('orders', { group: 'g' }, () => {})
  only.sink.deliver([delivery('a')])
  await clock.settle()
  expect(subscription.stats).toMatchObject({ held: 1 })
  await clock.advance(100 + 200 + 400 + 800)
  expect(only.settled).toEqual(Array(5).fill('ack a'))
  expect(subscription.stats).toMatchObject({ held: 0, handled: 1 })
  expect(errors.map(e => e.code)).toEqual(['SETTLEMENT_FAILED'])
})

test('a settlement that the broker refuses for good is reported, kept and tried again later', async () => {
  const { bus, only, clock, errors } = await scriptedWorld()
  let refused = true
  only.result = () =>
    refused
      ? { status: 'failed', error: new Error('no permission'), retryable: false, copy: 'none' }
      : { status: 'done' }
  await bus.subscribe('orders', { group: 'g', retry: fixed(0, 1) }, () => {
    throw new Error('down')
  })
  only.sink.deliver([delivery('a')])
  await clock.settle()
  expect(errors).toMatchObject([{ code: 'SETTLEMENT_FAILED', cause: { message: 'no permission' } }])
  refused = false
  await clock.advance(30_000)
  expect(only.settled).toEqual(['dead a', 'dead a'])
})

test('a settlement that comes too late is counted as lost, and its followers go back', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const handled: string[] = []
  const subscription = await bus.subscribe(
    topic('orders', { ordered: true }),
    { group: 'g' },
    ({ event }) => {
      handled.push(event.id)
    },
  )
  only.result = ({ kind }) => (kind === 'ack' ? { status: 'lost', copied: false } : { status: 'done' })
  only.sink.deliver([delivery('a1', { key: 'a' }), delivery('a2', { key: 'a' })])
  await clock.settle()
  expect([handled, only.settled]).toEqual([['a1'], ['ack a1', 'release a2']])
  expect(subscription.stats).toMatchObject({ lost: 1, held: 0 })
})

test('a handler that ends in time after its abort is acked; one that throws then settles nothing', async () => {
  const { bus, only, clock } = await scriptedWorld()
  const finish = gate()
  await bus.subscribe('orders', { group: 'g' }, async ({ event, signal }) => {
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    if (event.id === 'throws') throw new Error('interrupted')
    await finish.promise
  })
  only.sink.deliver([delivery('throws'), delivery('finishes')])
  const drained = watch(bus.drain({ deadline: 1_000 }))
  finish.open()
  await clock.advance(1_000)
  expect(drained.error?.code).toBe('DRAIN_TIMEOUT')
  expect(only.settled).toEqual(['ack finishes'])
})
