import { createBus, topic } from '@busbar/core'
import { partitionOf } from '@busbar/core/adapter'
import { beforeAll, expect, it } from 'vitest'
import { startBroker } from '../../../../conformance/src/brokers/index.ts'
import { until } from './support/until.ts'

const BACKOFF = 20_000
const PARTITIONS = 2
/** The partition that the second member takes from the first. */
const TAKEN = 1
const orders = topic('orders', { ordered: true, partitions: PARTITIONS })
const event = (id: string) => ({ id, source: '/test', type: 'com.example.test', data: 1 })
const retry = { attempts: 5, backoff: { kind: 'fixed', delay: BACKOFF } } as const

let url: string
let tests = 0

beforeAll(async () => {
  url = (await startBroker('rabbitmq')).url
})

const keysOf = (partition: number, count: number) => {
  const keys: string[] = []
  for (let n = 0; keys.length < count; n++)
    if (partitionOf(`k-${n}`, PARTITIONS) === partition) keys.push(`k-${n}`)
  return keys
}

interface Seen {
  readonly member: number
  readonly id: string
  readonly attempt: number
  readonly at: number
}

it('goes on for other keys when a member joins while an event waits for its backoff', async () => {
  const prefix = `handover-${process.pid}-${++tests}`
  const [a, b, c] = keysOf(TAKEN, 3) as [string, string, string]
  const seen: Seen[] = []
  const of = (id: string) => seen.filter(each => each.id === id)
  let finish = () => {}
  const finished = new Promise<void>(resolve => {
    finish = resolve
  })
  const member = async (number: number) => {
    const bus = await createBus(url, { prefix })
    await bus.subscribe(
      orders,
      { group: 'billing', concurrency: 8, prefetch: 100, retry },
      async ({ event, attempt }) => {
        seen.push({ member: number, id: event.id, attempt, at: Date.now() })
        if (event.id === 'a-1' && attempt === 1) throw new Error('not now')
        if (event.id === 'c-1') await finished
      },
    )
    return bus
  }
  await using first = await member(1)
  const publish = (id: string, key: string) => first.publish(orders, event(id), { key })
  await publish('a-1', a)
  await until(() => of('a-1').length === 1, 'the failure')
  const failedAt = of('a-1')[0]?.at as number
  for (let n = 2; n <= 60; n++) await publish(`a-${n}`, a)
  await publish('c-1', c)
  await publish('c-2', c)
  await until(() => of('c-1').length === 1, 'a handler that takes long')
  await using _second = await member(2)
  const joined = Date.now()
  // It is not given away before its handler has ended.
  await until(() => Date.now() - joined > 500, 'half a second')
  await publish('b-1', b)
  expect(seen.filter(({ member }) => member === 2)).toEqual([])
  finish()
  const freed = Date.now()
  await until(() => of('b-1').length === 1, 'the other key', BACKOFF / 2)
  expect((of('b-1')[0]?.at as number) - freed).toBeLessThan(2_000)
  expect(of('b-1')[0]?.member).toBe(2)
  await until(() => of('a-60').length === 1, 'the key that waited', 2 * BACKOFF)
  expect(of('a-1').map(({ attempt }) => attempt)).toEqual([1, 2])
  const again = of('a-1')[1] as Seen
  expect(again.at - failedAt).toBeGreaterThanOrEqual(BACKOFF)
  expect(again.at - failedAt).toBeLessThan(BACKOFF + 2_000)
  const ids = seen.filter(({ id, attempt }) => id.startsWith('a-') && !(id === 'a-1' && attempt === 1))
  expect(ids.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, n) => `a-${n + 1}`))
  expect(seen.filter(({ id }) => id.startsWith('c-')).map(({ id }) => id)).toEqual(['c-1', 'c-2'])
})

it('shares the partitions however often members come and go, with each event handled once and in order', async () => {
  const prefix = `handover-${process.pid}-${++tests}`
  const keys = [...keysOf(0, 4), ...keysOf(1, 4)]
  const seen: string[] = []
  const member = async () => {
    const bus = await createBus(url, { prefix })
    await bus.subscribe(orders, { group: 'billing', concurrency: 4, prefetch: 16 }, async ({ event }) => {
      await new Promise(resolve => setTimeout(resolve, 1))
      seen.push(event.id)
    })
    return bus
  }
  await using first = await member()
  const COUNT = 150
  let published = 0
  const publishing = (async () => {
    for (let n = 0; n < COUNT; n++) {
      await Promise.all(keys.map(key => first.publish(orders, event(`${key} ${n}`), { key })))
      published += keys.length
    }
  })()
  for (let round = 0; round < 4; round++) {
    const before = seen.length
    const bus = await member()
    await until(() => seen.length > before + 100 || seen.length === COUNT * keys.length, 'some more')
    await bus.drain()
  }
  await publishing
  await until(() => seen.length >= published, 'all of them')
  for (const key of keys) {
    const numbers = seen.filter(id => id.startsWith(`${key} `)).map(id => Number(id.split(' ')[1]))
    expect(numbers).toEqual(Array.from({ length: COUNT }, (_, n) => n))
  }
})
