import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { item } from '../support/items.ts'
import { assertSameEvent } from '../support/same-event.ts'
import { witness } from '../support/witness.ts'

const event = item('wired', {
  subject: 'Zürich 100%',
  time: '2026-01-02T03:04:05.123456789Z',
  tenantid: 'acme',
  data: { total: 1.5, text: 'ü😀' },
})

const othersRead: ConformanceCase = {
  id: 'cloudevents.others-read@1',
  title: 'Any CloudEvents reader understands the structured messages that Busbar writes',
  requires: ['subscribe.group', 'events.structured'],
  raw: true,
  covers: [72, 83],
  run: async t => {
    const bus = await t.bus({ mode: 'structured' })
    await bus.subscribe('wire', { group: 'keeper' }, () => {})
    const { first } = await t.within(t.raw.listen('wire'), 'the raw client')
    await bus.publish('wire', event)
    const message = await t.within(first, 'the message on the wire')
    assert.match(message.contentType ?? '', /^application\/cloudevents\+json/)
    const names = Object.keys(message.headers ?? {}).filter(name => /^ce[-_]|^cloudevents[_:]/i.test(name))
    assert.deepEqual(names, [], 'attributes repeated as headers are read as binary mode by some')
    assert.deepEqual(JSON.parse(Buffer.from(message.body ?? []).toString()), {
      specversion: '1.0',
      ...event,
    })
  },
}

const othersReadBinary: ConformanceCase = {
  id: 'cloudevents.others-read-binary@1',
  title: 'In binary mode the message body is the data, and the content type is the data’s',
  requires: ['subscribe.group', 'events.binary'],
  raw: true,
  covers: [71, 77, 83],
  run: async t => {
    const bus = await t.bus({ mode: 'binary' })
    await bus.subscribe('wire', { group: 'keeper' }, () => {})
    const { first } = await t.within(t.raw.listen('wire'), 'the raw client')
    const data = Uint8Array.from(Buffer.from('{ "exact" : 9007199254740993 }'))
    await bus.publish('wire', { ...event, datacontenttype: 'application/json', data })
    const message = await t.within(first, 'the message on the wire')
    assert.deepEqual(Uint8Array.from(message.body ?? []), data)
    assert.equal(message.contentType ?? message.headers['ce-datacontenttype'], 'application/json')
    const found = Object.entries(message.headers ?? {}).find(([name]) =>
      /^(?:ce[-_]|cloudevents[_:])id$/i.test(name),
    )
    assert.equal(found?.[1], 'wired')
  },
}

const othersWrite: ConformanceCase = {
  id: 'cloudevents.others-write@1',
  title: 'A structured event that another system wrote reaches a handler as it was written',
  requires: ['subscribe.group', 'events.structured'],
  raw: true,
  covers: [72, 83],
  permutations: [
    { name: 'plain', contentType: 'application/cloudevents+json' },
    { name: 'with charset', contentType: 'application/cloudevents+json; charset=UTF-8' },
    { name: 'upper case', contentType: 'Application/CloudEvents+JSON' },
  ],
  run: async (t, { contentType }) => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('wire', { group: 'readers' }, seen.handle)
    const body = Uint8Array.from(
      Buffer.from(JSON.stringify({ specversion: '1.0', ...event, count: 5, unset: null })),
    )
    const headers = { 'x-tenant': 'acme' }
    await t.raw.send('wire', { headers, contentType: String(contentType), body })
    await t.until(() => seen.deliveries.length === 1, 'the event')
    assertSameEvent(seen.deliveries[0]?.event, { ...event, count: '5' })
    assert.deepEqual(seen.deliveries[0]?.headers, [['x-tenant', 'acme']])
  },
}

export const wireCases: readonly ConformanceCase[] = [othersRead, othersReadBinary, othersWrite]
