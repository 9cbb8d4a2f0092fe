import assert from 'node:assert/strict'
import { event, topic } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { item } from '../support/items.ts'
import { OrderPlaced } from '../support/orders.ts'
import { attributesOf } from '../support/same-event.ts'
import { fields, schema } from '../support/standard-schema.ts'
import { witness } from '../support/witness.ts'

const built: ConformanceCase = {
  id: 'cloudevents.built@1',
  title:
    'An event built from a contract has its type, the source of its bus, an id, a time, and what the call says',
  requires: ['subscribe.group'],
  covers: [73],
  run: async t => {
    const bus = await t.bus({ source: '/shop' })
    const seen = witness(t)
    await bus.subscribe('orders', { group: 'readers', concurrency: 1 }, seen.handle)
    const order = { order: 'a', total: 1 }
    const plain = await bus.publish(OrderPlaced, order)
    const attributes = { id: 'given', subject: 'a', time: '2026-01-02T03:04:05.123456789Z', tenantid: 'acme' }
    await bus.publish(OrderPlaced, order, { attributes })
    await t.until(() => seen.deliveries.length === 2, 'both events')

    const [first, second] = seen.deliveries
    assert.equal(first?.event.id, plain.id)
    assert.equal(first?.event.type, 'com.example.order.placed')
    assert.equal(first?.event.source, '/shop')
    assert.ok(
      Math.abs(Date.parse(first?.event.time ?? '') - t.clock.now()) < 60_000,
      `time ${first?.event.time}`,
    )
    assert.deepEqual(first?.event.data, order)
    const { id, subject, time, tenantid } = attributesOf(second?.event)
    assert.deepEqual({ id, subject, time, tenantid }, attributes)
    assert.notEqual(first?.event.id, second?.event.id)
  },
}

const Measured = event('com.example.measured', {
  topic: topic('measurements'),
  key: (data: { sensor: string; at: string }) => data.sensor,
  data: schema<{ sensor: string; at: string }, { sensor: string; at: Date }>(value => {
    const { sensor, at } = value as { sensor: string; at: string }
    return { value: { sensor, at: new Date(at) } }
  }),
  extensions: { level: 'integer', urgent: 'boolean', seenat: 'timestamp' },
})

const transformed: ConformanceCase = {
  id: 'cloudevents.contract-types@1',
  title:
    'The wire carries what the caller passed; a handler gets the schema’s output, the key and typed extensions',
  requires: ['subscribe.group'],
  covers: [75],
  run: async t => {
    const bus = await t.bus()
    const got: unknown[] = []
    await bus.subscribe(Measured, { group: 'typed' }, ({ data, extensions, event: { data: wire }, key }) => {
      got.push({ data, extensions: { ...extensions }, wire, key })
    })
    const passed = { sensor: 's-1', at: '2026-01-02T03:04:05.000Z' }
    const attributes = { level: 5, urgent: true, seenat: new Date('2026-01-02T03:04:06.000Z') }
    await bus.publish(Measured, passed, { attributes })
    await t.until(() => got.length === 1, 'the event')
    assert.deepEqual(got, [
      {
        data: { sensor: 's-1', at: new Date('2026-01-02T03:04:05.000Z') },
        extensions: { level: 5, urgent: true, seenat: new Date('2026-01-02T03:04:06.000Z') },
        wire: passed,
        key: 's-1',
      },
    ])
  },
}

const Told = event('com.example.told', {
  topic: 'told',
  data: fields<{ order: string }>({ order: 'string' }),
})

const causation: ConformanceCase = {
  id: 'cloudevents.causation@1',
  title:
    'What a handler publishes says which event it follows from, in which correlation and trace; whole events stay as they are',
  requires: ['subscribe.group'],
  covers: [130],
  run: async t => {
    const bus = await t.bus()
    const told = witness(t)
    await bus.subscribe('told', { group: 'readers', concurrency: 1 }, told.handle)
    await bus.subscribe(OrderPlaced, { group: 'teller', concurrency: 1 }, async ({ data }) => {
      await bus.publish(Told, { order: data.order })
      await bus.publish('told', item(`whole-${data.order}`))
    })
    const trace = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'a=b',
    }
    const one = { id: 'one', correlationid: 'c-1', ...trace }
    await bus.publish(OrderPlaced, { order: '1', total: 1 }, { attributes: one })
    await bus.publish(OrderPlaced, { order: '2', total: 2 }, { attributes: { id: 'two' } })
    await t.until(() => told.deliveries.length === 4, 'what the handlers published')

    const following = told.deliveries
      .filter(d => d.type === 'com.example.told')
      .map(({ event: { causationid, correlationid, traceparent, tracestate } }) => {
        return { causationid, correlationid, traceparent, tracestate }
      })
    assert.deepEqual(following, [
      { causationid: 'one', correlationid: 'c-1', ...trace },
      { causationid: 'two', correlationid: 'two', traceparent: undefined, tracestate: undefined },
    ])
    const whole = told.deliveries.find(d => d.event.id === 'whole-1')
    assert.ok(!('causationid' in (whole?.event ?? {})), 'an event passed whole was added to')
  },
}

export const builtEventCases: readonly ConformanceCase[] = [built, transformed, causation]
