import { type Bus, createBus, topic } from '@busbar/core'
import { VirtualClock } from '@busbar/core/time'
import { expect, test } from 'vitest'
import { scriptedAdapter } from '../support/scripted-broker.ts'
import { plain } from '../support/world.ts'

const failing = (create: Promise<Bus>) =>
  create.then(
    () => {
      throw new Error('it was created')
    },
    error => error,
  )

test('an unknown option is refused with the one that was probably meant', async () => {
  const error = await failing(createBus('memory:', { sorce: '/x' } as never))
  expect(error).toMatchObject({ code: 'INVALID_OPTIONS', field: 'sorce' })
  expect(error.message).toContain('source')
})

test('everything that is wrong with the options is in one error', async () => {
  const error = await failing(
    createBus('memory:', {
      publishing: { maxInFlight: 0, timeout: -1 },
      topology: 'create',
      clock: {},
      requires: ['publish.confirm', 'teleport'],
      retry: { attempts: 0 },
    } as never),
  )
  expect(error.code).toBe('INVALID_OPTIONS')
  expect(error.issues.map((i: { field: string }) => i.field).sort()).toEqual([
    'clock',
    'publishing.maxInFlight',
    'publishing.timeout',
    'requires.1',
    'retry.attempts',
    'topology',
  ])
})

test('an illegal prefix is an illegal name', async () => {
  expect(await failing(createBus('memory:', { prefix: 'no spaces' }))).toMatchObject({ code: 'ILLEGAL_NAME' })
})

test('every capability that cannot be had is in one error, before anything connects', async () => {
  const { adapter, broker } = scriptedAdapter({
    without: ['publish.delay', 'order.key', 'topic.retention', 'events.structured'],
  })
  const error = await failing(
    createBus(adapter, {
      requires: ['publish.delay', 'publish.confirm'],
      topics: [topic('a'), topic('b', { ordered: true }), topic('c', { retention: { count: 1 } })],
      mode: 'structured',
    }),
  )
  expect(error.code).toBe('CAPABILITY_UNSUPPORTED')
  expect(error.issues.map((i: { field: string }) => i.field)).toEqual([
    'requires.0',
    'topics.1',
    'topics.2.retention',
    'mode',
  ])
  expect(broker.calls).toEqual([])
})

test('a capability that the server turns out not to have closes the connection again', async () => {
  const { adapter, broker } = scriptedAdapter({ withoutOnceConnected: ['publish.delay'] })
  expect(await failing(createBus(adapter, { requires: ['publish.delay'] }))).toMatchObject({
    code: 'CAPABILITY_UNSUPPORTED',
  })
  expect(broker.calls).toEqual(['connect', 'close'])
})

test('topology that is only verified: what is missing is listed, and the connection closed', async () => {
  const { adapter, broker } = scriptedAdapter({
    drift: [
      { kind: 'missing', name: 'busbar.orders', remedy: 'create it' },
      { kind: 'orphan', name: 'busbar.old', remedy: 'remove it' },
    ],
  })
  const error = await failing(createBus(adapter, { topology: 'verify', topics: [topic('orders')] }))
  expect(error).toMatchObject({ code: 'TOPOLOGY_MISSING', message: expect.stringContaining('busbar.orders') })
  expect(error.message).not.toContain('busbar.old')
  expect(broker.calls.at(-1)).toBe('close')
})

test.each([
  ['localhost', 'ADAPTER_NOT_FOUND', 'scheme'],
  ['carrier-pigeon://x', 'ADAPTER_NOT_FOUND', 'carrier-pigeon'],
  ['constructor:x', 'ADAPTER_NOT_FOUND', 'constructor'],
])('a URL that no adapter carries: %s', async (url, code, hint) => {
  const error = await failing(createBus(url))
  expect(error).toMatchObject({ code, field: 'url', message: expect.stringContaining(hint) })
})

test.each([
  '//user:pa55word@host',
  '//user:p@55word@host',
  ' amqp://user:pa55word@host',
  'pigeon://user:pa55word@host',
])('credentials of a URL are in no error: %s', async url => {
  const error = await failing(createBus(url))
  expect(`${error.message} ${error.stack}`).not.toContain('55word')
})

test("an adapter of one's own by its scheme, and a factory that gives none", async () => {
  const { adapter, broker } = scriptedAdapter({})
  const urls: string[] = []
  const adapters = {
    acme: (url: string) => {
      urls.push(url)
      return adapter
    },
    broken: () => ({ no: 'adapter' }) as never,
  }
  const bus = await createBus('acme://host', { adapters, clock: new VirtualClock() })
  expect([urls, bus.adapter, bus.server]).toEqual([['acme://host'], 'scripted', 'scripted 1'])
  expect(broker.calls).toEqual(['connect'])
  expect(await failing(createBus('broken:x', { adapters }))).toMatchObject({ name: 'BusError' })
})

test('what is neither a URL nor an adapter is refused', async () => {
  for (const target of [undefined, null, 5, {}])
    expect(await failing(createBus(target as never))).toMatchObject({ code: 'INVALID_OPTIONS', field: 'url' })
})

test('a connection that fails for a reason of its own is still a typed error', async () => {
  const { adapter } = scriptedAdapter({})
  const broken = { ...adapter, connect: () => Promise.reject(new Error('ECONNREFUSED')) }
  expect(await failing(createBus(broken))).toMatchObject({
    name: 'BusError',
    cause: { message: 'ECONNREFUSED' },
  })
})

test('memory: works without options, and leaves nothing behind', async () => {
  await using bus = await createBus('memory:')
  expect(bus.adapter).toBe('memory')
  await bus.publish('orders', plain())
})
