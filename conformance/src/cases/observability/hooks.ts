import assert from 'node:assert/strict'
import type { Instrumentation } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered, settled } from '../support/dead.ts'
import { item } from '../support/items.ts'
import { OrderPlaced } from '../support/orders.ts'
import { after } from '../support/retries.ts'
import { attributesOf } from '../support/same-event.ts'
import { failing, witness } from '../support/witness.ts'

const TRACE = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
}

const trace: ConformanceCase = {
  id: 'observability.trace@1',
  title: 'The trace of an event stays with it through retries, the dead-letter queue and a redrive',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store', 'dead-letter.selective'],
  covers: [130],
  run: async t => {
    const bus = await t.bus()
    let starts = 0
    const seen = witness(t, () => {
      if (++starts <= 2) throw new Error('for now')
    })
    await bus.subscribe('jobs', { group: 'workers', retry: after(2, 20) }, seen.handle)
    await bus.publish('jobs', item('traced', { ...TRACE, correlationid: 'c' }))
    const [letter] = await deadLettered(t, bus, 'jobs', 'workers')
    await t.within(bus.deadLetters('jobs', 'workers').redrive(), 'the redrive')
    await t.until(() => seen.deliveries.length === 3, 'the redriven event')
    for (const event of [...seen.deliveries.map(d => d.event), letter?.event]) {
      const { traceparent, tracestate, correlationid } = attributesOf(event)
      assert.deepEqual({ traceparent, tracestate, correlationid }, { ...TRACE, correlationid: 'c' })
    }
  },
}

const instrumentation: ConformanceCase = {
  id: 'observability.instrumentation@1',
  title:
    'Instrumentation sees each publish, each handler start and each settlement, once, and can set trace context',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [130, 132],
  run: async t => {
    const log: string[] = []
    const hooks: Instrumentation = {
      publish({ built, event }) {
        if (built) event.traceparent = TRACE.traceparent
        return ended => log.push(`published ${ended.ok}`)
      },
      handle(delivery, run) {
        log.push(`handle ${delivery.attempt}`)
        return run()
      },
      settled: ({ as, attempt }) => void log.push(`${as} ${attempt}`),
    }
    const bus = await t.bus({ instrumentation: hooks })
    const seen = failing(t, 1)
    const subscription = await bus.subscribe(
      'orders',
      { group: 'workers', retry: after(3, 100) },
      seen.handle,
    )
    await bus.publish(OrderPlaced, { order: 'a', total: 1 })
    await t.until(() => seen.deliveries.length === 2, 'the retry')
    await settled(t, subscription)
    assert.deepEqual([...log].sort(), ['ack 2', 'handle 1', 'handle 2', 'published true', 'retry 1'])
    assert.ok(seen.deliveries.every(d => d.event.traceparent === TRACE.traceparent))
  },
}

const throwing: ConformanceCase = {
  id: 'observability.throwing-hooks@1',
  title: 'Hooks and error listeners that throw are reported and harm neither publishing nor handling',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [27],
  run: async t => {
    const refuse = () => {
      throw new Error('a bad hook')
    }
    const hooks = { publish: refuse, settled: refuse } as Instrumentation
    let reported = 0
    const bus = await t.bus({
      instrumentation: hooks,
      onError: () => {
        reported++
        throw new Error('a bad listener')
      },
    })
    const seen = failing(t, 1)
    await bus.subscribe('jobs', { group: 'workers', retry: after(2, 20) }, seen.handle)
    await bus.publish('jobs', item('one'))
    await bus.publish('jobs', item('two'))
    await t.until(() => seen.starts('one') === 2 && seen.starts('two') === 2, 'both events to be handled')
    assert.ok(reported > 0, 'nobody was told')
    assert.deepEqual(await bus.deadLetters('jobs', 'workers').list(), [])
  },
}

const middleware: ConformanceCase = {
  id: 'observability.middleware@1',
  title:
    'Middleware wraps publishing and handling in the order given, and what it throws counts as the handler’s failure',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [13],
  run: async t => {
    const log: string[] = []
    const around =
      (name: string) =>
      async <T>(_: unknown, next: () => Promise<T>): Promise<T> => {
        log.push(`${name} in`)
        const result = await next()
        log.push(`${name} out`)
        return result
      }
    const bus = await t.bus({
      middleware: {
        publish: [around('p1'), around('p2')],
        handle: [
          around('h1'),
          async (delivery, next) => {
            if (delivery.attempt === 1) throw new Error('the middleware’s')
            return next()
          },
        ],
      },
    })
    const seen = witness(t, () => log.push('handler'))
    const subscription = await bus.subscribe('jobs', { group: 'workers', retry: after(3, 100) }, seen.handle)
    await bus.publish('jobs', item('one'))
    await t.until(() => seen.deliveries.length === 1, 'the handler to run')
    await settled(t, subscription)
    const publishing = log.filter(line => line.startsWith('p'))
    assert.deepEqual(publishing, ['p1 in', 'p2 in', 'p2 out', 'p1 out'])
    assert.deepEqual(
      log.filter(line => !line.startsWith('p')),
      ['h1 in', 'h1 in', 'handler', 'h1 out'],
    )
    assert.equal(seen.deliveries[0]?.attempt, 2)
  },
}

export const hookCases = [trace, instrumentation, throwing, middleware]
