import assert from 'node:assert/strict'
import type { CloudEventInput } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { item } from '../support/items.ts'
import { OrderPlaced } from '../support/orders.ts'
import { rejection } from '../support/rejection.ts'
import { witness } from '../support/witness.ts'

const cycle: { self?: unknown } = {}
cycle.self = cycle

/** Not events. `field` is what the error must name. */
const invalid: readonly { readonly name: string; readonly event: unknown; readonly field: string }[] = [
  { name: 'empty id', event: item(''), field: 'id' },
  { name: 'no id', event: { source: '/', type: 't' }, field: 'id' },
  { name: 'no source', event: { id: '1', type: 't' }, field: 'source' },
  { name: 'bad source', event: item('1', { source: 'not a uri' }), field: 'source' },
  { name: 'empty type', event: item('1', { type: '' }), field: 'type' },
  { name: 'other version', event: item('1', { specversion: '0.3' }), field: 'specversion' },
  { name: 'control character', event: item('1', { subject: 'a\u0007b' }), field: 'subject' },
  { name: 'line break', event: item('1', { note: 'a\r\nx: y' }), field: 'note' },
  { name: 'lone surrogate', event: item('1', { subject: '\ud800' }), field: 'subject' },
  { name: 'noncharacter', event: item('1', { subject: '\ufffe' }), field: 'subject' },
  { name: 'empty subject', event: item('1', { subject: '' }), field: 'subject' },
  { name: 'no time', event: item('1', { time: 'yesterday' }), field: 'time' },
  { name: 'no such day', event: item('1', { time: '2026-02-30T00:00:00Z' }), field: 'time' },
  { name: 'relative schema', event: item('1', { dataschema: 'schema.json' }), field: 'dataschema' },
  { name: 'upper-case extension', event: item('1', { tenantId: 'a' }), field: 'tenantId' },
  { name: 'too large an integer', event: item('1', { count: 2 ** 31 }), field: 'count' },
  { name: 'an object', event: item('1', { meta: {} }), field: 'meta' },
  { name: 'bigint', event: item('1', { data: { n: 1n } }), field: 'data' },
  { name: 'cycle', event: item('1', { data: cycle }), field: 'data' },
  { name: 'not a number', event: item('1', { data: { n: Number.NaN } }), field: 'data' },
  { name: 'object as text', event: item('1', { datacontenttype: 'text/plain', data: {} }), field: 'data' },
  { name: 'not an object', event: 'event', field: 'event' },
]

const malformed: ConformanceCase = {
  id: 'cloudevents.invalid@1',
  title: 'What is not a CloudEvent is refused before it is sent, naming the attribute',
  requires: ['subscribe.group'],
  covers: [116, 74],
  permutations: invalid,
  run: async (t, { event, field }) => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('carried', { group: 'readers' }, seen.handle)
    const error = await rejection(bus.publish('carried', event as CloudEventInput), 'INVALID_EVENT')
    assert.ok(error.field?.startsWith(String(field)), `the error names ${error.field}, not ${String(field)}`)
    assert.equal(error.retryable, false)
    await bus.publish('carried', item('good'))
    await t.until(() => seen.deliveries.length > 0, 'the good event')
    assert.deepEqual(seen.ids, ['good'])
  },
}

const allFindings: ConformanceCase = {
  id: 'cloudevents.all-findings@1',
  title: 'One error lists everything that is wrong with an event',
  requires: ['publish.confirm'],
  covers: [116],
  run: async t => {
    const bus = await t.bus()
    const event = { id: '', source: '/', type: 't', time: 'now', Bad: 1 } as CloudEventInput
    const error = await rejection(bus.publish('carried', event), 'INVALID_EVENT')
    assert.deepEqual(error.issues.map(issue => issue.field).sort(), ['Bad', 'id', 'time'])
  },
}

const schemaViolation: ConformanceCase = {
  id: 'cloudevents.schema-on-publish@1',
  title: 'Data that breaks its contract’s schema is refused before it is sent, naming the field',
  requires: ['subscribe.group'],
  covers: [116],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('orders', { group: 'readers' }, seen.handle)
    const bad = { order: 'a', total: '9' } as unknown as { order: string; total: number }
    const error = await rejection(bus.publish(OrderPlaced, bad), 'SCHEMA_VIOLATION')
    assert.equal(error.field, 'data.total')
    await bus.publish(OrderPlaced, { order: 'good', total: 1 })
    await t.until(() => seen.deliveries.length > 0, 'the good event')
    assert.deepEqual(
      seen.deliveries.map(d => d.data),
      [{ order: 'good', total: 1 }],
    )
  },
}

const batch: ConformanceCase = {
  id: 'cloudevents.invalid-in-batch@1',
  title: 'In a batch the bad entries fail each with its own error, and the good ones are published',
  requires: ['subscribe.group', 'publish.batch'],
  covers: [85, 116],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('carried', { group: 'readers' }, seen.handle)
    const results = await t.within(
      bus.publishBatch([
        { topic: 'carried', event: item('a') },
        { topic: 'carried', event: item('', {}) },
        { topic: 'carried', event: item('c') },
        { topic: 'carried', event: item('d'), options: { headers: [['busbar-x', '1']] } },
      ]),
      'the results',
    )
    await t.until(() => seen.deliveries.length === 2, 'the good ones')
    assert.deepEqual(
      results.map(r => (r.status === 'confirmed' ? r.receipt.id : r.error.code)),
      ['a', 'INVALID_EVENT', 'c', 'RESERVED_HEADER'],
    )
    assert.deepEqual([...seen.ids].sort(), ['a', 'c'])
  },
}

export const refusalCases: readonly ConformanceCase[] = [malformed, allFindings, schemaViolation, batch]
