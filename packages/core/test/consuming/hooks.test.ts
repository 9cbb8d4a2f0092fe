import { event } from '@busbar/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { delivery, plain, scriptedWorld } from '../support/world.ts'

const Placed = event('placed', { topic: 'orders', data: z.object({ total: z.number() }) })

test("handling middleware wraps the handler in the order given, and what it throws counts as the handler's", async () => {
  const log: string[] = []
  const { bus, only, clock } = await scriptedWorld(
    {},
    {
      middleware: {
        handle: [
          async (d, next) => {
            log.push(`outer ${d.event.id}`)
            await next()
            log.push('outer done')
          },
          async (d, next) => {
            log.push('inner')
            if (d.event.id === 'bad') throw new Error('not today')
            await next()
          },
        ],
      },
    },
  )
  await bus.subscribe('orders', { group: 'g' }, async () => void log.push('handler'))
  only.sink.deliver([delivery('a')])
  await clock.settle()
  only.sink.deliver([delivery('bad')])
  await clock.settle()
  expect(log).toEqual(['outer a', 'inner', 'handler', 'outer done', 'outer bad', 'inner'])
  expect(only.settled).toEqual(['ack a', 'retry bad'])
})

test('publish middleware may change a built event and the headers, but not an event passed whole', async () => {
  const { bus, broker } = await scriptedWorld(
    {},
    {
      middleware: {
        publish: [
          (context, next) => {
            context.event = { ...context.event, tenant: 'acme' }
            context.headers.push(['x-audit', '1'])
            return next()
          },
        ],
      },
    },
  )
  await bus.publish(Placed, { total: 1 })
  const [message] = broker.batches.flat()
  expect(message?.envelope.attributes.tenant).toBe('acme')
  expect(message?.envelope.headers).toEqual([['x-audit', '1']])
  await expect(bus.publish('orders', plain())).rejects.toMatchObject({ code: 'INVALID_EVENT' })
})

test('instrumentation sees publishes, handlers and settlements, and how they ended', async () => {
  const log: unknown[] = []
  const { bus, only, clock } = await scriptedWorld(
    {},
    {
      instrumentation: {
        publish({ topic, built, event: whole, headers }) {
          log.push(['publish', topic, built])
          whole.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
          headers.push(['x-hook', '1'])
          return end => log.push(['published', end.ok])
        },
        handle(d, run) {
          log.push(['handle', d.event.id])
          return run()
        },
        settled: ({ as, attempt, topic, group, type, reason }) =>
          void log.push(['settled', as, attempt, topic, group, type, reason]),
      },
    },
  )
  await bus.publish(Placed, { total: 1 })
  await bus.subscribe('orders', { group: 'g', retry: { attempts: 1 } }, ({ event: whole }) => {
    if (whole.id === 'b') throw new Error('no')
  })
  only.sink.deliver([delivery('a'), delivery('b')])
  await clock.settle()
  expect(log).toEqual([
    ['publish', 'orders', true],
    ['published', true],
    ['handle', 'a'],
    ['settled', 'ack', 1, 'orders', 'g', 'com.example.test', undefined],
    ['handle', 'b'],
    ['settled', 'dead', 1, 'orders', 'g', 'com.example.test', 'attempts-exhausted'],
  ])
})

test('a publish that is refused ends its instrumentation too', async () => {
  const ends: boolean[] = []
  const { bus } = await scriptedWorld(
    {},
    { instrumentation: { publish: () => end => void ends.push(end.ok) } },
  )
  await bus.publish('orders', plain())
  await expect(bus.publish('orders', plain('', {}))).rejects.toMatchObject({ code: 'INVALID_EVENT' })
  expect(ends).toEqual([true, false])
})

test('hooks that throw are reported and otherwise harmless', async () => {
  const boom = () => {
    throw new Error('hook')
  }
  const { bus, only, clock, errors } = await scriptedWorld(
    {},
    { instrumentation: { publish: boom, handle: boom, settled: boom } },
  )
  let handled = 0
  await bus.publish('orders', plain())
  await bus.subscribe('orders', { group: 'g' }, () => void handled++)
  only.sink.deliver([delivery('a')])
  await clock.settle()
  expect([handled, only.settled]).toEqual([1, ['ack a']])
  expect(errors.map(e => e.code)).toEqual(['INTERNAL', 'INTERNAL', 'INTERNAL'])
})

test("a handle hook that forgets to pass on the handler's promise does not ack before the handler has ended", async () => {
  const { bus, only, clock } = await scriptedWorld(
    {},
    {
      instrumentation: {
        handle(_, run) {
          void run()
        },
      },
    },
  )
  let open = () => {}
  await bus.subscribe('orders', { group: 'g' }, () => new Promise<void>(resolve => (open = resolve)))
  only.sink.deliver([delivery('a')])
  await clock.settle()
  expect(only.settled).toEqual([])
  open()
  await clock.settle()
  expect(only.settled).toEqual(['ack a'])
})

test('an error handler that throws, with a logger that throws too, harms nobody', async () => {
  const boom = () => {
    throw new Error('seam')
  }
  const { bus, only, clock } = await scriptedWorld(
    {},
    {
      onError: boom,
      logger: { debug: boom, info: boom, warn: boom, error: boom },
      instrumentation: { settled: boom },
    },
  )
  await bus.subscribe('orders', { group: 'g' }, () => {})
  only.sink.deliver([delivery('a')])
  await clock.settle()
  expect(only.settled).toEqual(['ack a'])
})
