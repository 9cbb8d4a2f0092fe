import { type BusError, event, topic } from '@busbar/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { memoryWorld, plain, scriptedWorld } from '../support/world.ts'

const Placed = event('placed', { topic: 'orders', data: z.object({ total: z.number() }) })

test.each([
  [{ grup: 'g' }, 'grup', 'group'],
  [{ group: 'g', concurrency: 0 }, 'concurrency', '1'],
  [{ group: 'g', start: 'yesterday' }, 'start', 'earliest'],
  [{ group: 'g', lease: 5 }, 'lease', '1'],
  [{ group: 'g', retry: { attempts: 3, backof: {} } }, 'retry.backof', 'backoff'],
  [{ group: 'g', batch: { max: 5 } }, 'batch', ''],
  [undefined, 'options', ''],
])('subscribe refuses %j', async (options, field, hint) => {
  const { bus } = await scriptedWorld()
  const error = await bus.subscribe('orders', options as never, () => {}).catch(e => e)
  expect(error.code).toBe('INVALID_OPTIONS')
  if (field !== 'options') expect(error.field).toBe(field)
  expect(error.message).toContain(hint)
})

test.each([
  [{ delay: -1 }, 'delay'],
  [{ timeout: 0 }, 'timeout'],
  [{ headers: [['x']] }, 'headers'],
  [{ dlay: 5 }, 'dlay'],
  [{ notBefore: new Date(Number.NaN) }, 'notBefore'],
  [{ delay: 5, notBefore: new Date() }, 'delay'],
  [{ attributes: {} }, 'attributes'],
])('publishing an event refuses %j', async (options, field) => {
  const { bus, broker } = await scriptedWorld()
  const error = await bus.publish('orders', plain(), options as never).catch(e => e)
  expect(error.code).toBe('INVALID_OPTIONS')
  expect(error.field.startsWith(field)).toBe(true)
  expect(broker.batches).toEqual([])
})

test.each(['type', 'data', 'specversion', 'datacontenttype'])(
  'an attribute that belongs to the contract cannot be set beside it: %s',
  async name => {
    const { bus, broker } = await scriptedWorld()
    await expect(bus.publish(Placed, { total: 1 }, { attributes: { [name]: 'x' } })).rejects.toMatchObject({
      name: 'BusError',
    })
    expect(broker.batches).toEqual([])
  },
)

test('a schema violation is refused before anything is sent, naming every field', async () => {
  const { bus, broker } = await scriptedWorld()
  await expect(bus.publish(Placed, { total: 'x' } as never)).rejects.toMatchObject({
    code: 'SCHEMA_VIOLATION',
    field: 'data.total',
  })
  expect(broker.batches).toEqual([])
})

test('a key function that throws, or gives no string, is a typed error', async () => {
  const { bus } = await scriptedWorld()
  const orders = topic('keyed', { ordered: true })
  const Keyed = event('keyed', {
    topic: orders,
    data: z.object({ customer: z.object({ id: z.string() }).optional() }),
    key: o => (o.customer as { id: string }).id,
  })
  await expect(bus.publish(Keyed, {})).rejects.toMatchObject({ code: 'KEY_REQUIRED', field: 'key' })
})

test("a header of Busbar's own name is refused", async () => {
  const { bus } = await scriptedWorld()
  await expect(bus.publish('orders', plain(), { headers: [['Busbar-Failures', '9']] })).rejects.toMatchObject(
    { code: 'RESERVED_HEADER' },
  )
})

test('options that need a capability say so by name', async () => {
  const { bus } = await scriptedWorld({
    without: ['publish.delay', 'publish.must-route', 'subscribe.wildcard', 'replay.time', 'topic.retention'],
  })
  const unsupported = (field: string) => ({ code: 'CAPABILITY_UNSUPPORTED', field })
  await expect(bus.publish('orders', plain(), { delay: 5 })).rejects.toMatchObject(unsupported('delay'))
  await expect(bus.publish('orders', plain(), { mustRoute: true })).rejects.toMatchObject(
    unsupported('mustRoute'),
  )
  const error = await bus
    .subscribe('orders.*', { group: 'g', start: { time: new Date(0) } }, () => {})
    .catch(e => e)
  expect(error.code).toBe('CAPABILITY_UNSUPPORTED')
  expect(error.issues.map((i: { field: string }) => i.field)).toEqual(['target', 'start'])
})

test('a topic that declares what the adapter lacks is refused at its first use', async () => {
  const { bus, broker } = await scriptedWorld({ without: ['order.key', 'topic.retention'] })
  const demanding = topic('audit', { ordered: true, retention: { age: 1_000 } })
  const published = await bus.publish(demanding, plain(), { key: 'k' }).catch(e => e)
  const subscribed = await bus.subscribe(demanding, { group: 'g' }, () => {}).catch(e => e)
  for (const error of [published, subscribed]) expect(error.code).toBe('CAPABILITY_UNSUPPORTED')
  const fields = (error: BusError) => error.issues.map(issue => issue.field)
  expect(fields(published)).toEqual(['topic', 'topic.retention'])
  expect(fields(subscribed)).toEqual(['target', 'target.retention'])
  expect(broker.calls).toEqual(['connect'])
})

test('a target that names nothing, a handler that is none, contracts of two topics', async () => {
  const { bus } = await scriptedWorld()
  const Other = event('other', { topic: 'others' })
  const bad = { code: 'INVALID_OPTIONS' }
  await expect(bus.subscribe(5 as never, { group: 'g' }, () => {})).rejects.toMatchObject(bad)
  await expect(bus.subscribe([] as never, { group: 'g' }, () => {})).rejects.toMatchObject(bad)
  await expect(bus.subscribe('orders', { group: 'g' }, 'no' as never)).rejects.toMatchObject({
    ...bad,
    field: 'handler',
  })
  await expect(bus.subscribe([Placed, Other], { group: 'g' }, () => {})).rejects.toMatchObject({
    ...bad,
    field: 'target.1',
  })
  await expect(bus.subscribe([Placed, Placed], { group: 'g' }, () => {})).rejects.toMatchObject(bad)
  await expect(bus.subscribe('no spaces', { group: 'g' }, () => {})).rejects.toMatchObject({
    code: 'ILLEGAL_NAME',
  })
  await expect(bus.subscribe('orders', { group: 'no spaces' }, () => {})).rejects.toMatchObject({
    code: 'ILLEGAL_NAME',
  })
})

test('a delayed event is not early, and a time in the past means now', async () => {
  const { bus, clock } = await memoryWorld()
  const seen: [string, number][] = []
  const start = clock.now()
  await bus.subscribe('orders', { group: 'g' }, ({ event: e }) => void seen.push([e.id, clock.now() - start]))
  await bus.publish('orders', plain('later'), { delay: 1_000 })
  await bus.publish('orders', plain('at'), { notBefore: new Date(start + 500) })
  await bus.publish('orders', plain('past'), { notBefore: new Date(0) })
  await clock.advance(2_000)
  expect(seen).toEqual([
    ['past', 0],
    ['at', 500],
    ['later', 1_000],
  ])
})

test('a wildcard subscription gets the events of every topic it matches, each with its own topic', async () => {
  const { bus, clock } = await memoryWorld()
  const seen: string[] = []
  await bus.publish('orders.eu', plain('early'))
  await bus.subscribe('orders.*', { group: 'g' }, d => void seen.push(`${d.topic} ${d.event.id}`))
  await bus.publish('orders.eu', plain('a'))
  await bus.publish('orders.us', plain('b'))
  await bus.publish('orders.us.west', plain('c'))
  await clock.settle()
  expect(seen).toEqual(['orders.eu a', 'orders.us b'])
})
