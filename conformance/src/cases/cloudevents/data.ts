import assert from 'node:assert/strict'
import type { CloudEventInput } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { item } from '../support/items.ts'
import { after } from '../support/retries.ts'
import { assertSameEvent, plainBytes } from '../support/same-event.ts'
import { carry, forMode, MODES, type Mode } from './carry.ts'

const { data: _, ...dataless } = item('data')
const of = (more: Partial<CloudEventInput>): CloudEventInput => ({ ...dataless, ...more })
const bytes = (...values: number[]) => Uint8Array.from(values)
const utf8 = (text: string) => Uint8Array.from(Buffer.from(text))

const kinds: readonly { readonly name: string; readonly event: CloudEventInput }[] = [
  { name: 'absent', event: of({}) },
  { name: 'absent, with a content type', event: of({ datacontenttype: 'application/json' }) },
  { name: 'null', event: of({ data: null }) },
  { name: 'an object', event: of({ data: { a: [1, -0.5, 1e21, true, null], 'ü€': '😀' } }) },
  { name: 'dangerous names', event: of({ data: JSON.parse('{"__proto__":{"a":1},"constructor":null}') }) },
  { name: 'an array', event: of({ data: [] }) },
  { name: 'false', event: of({ data: false }) },
  { name: 'zero', event: of({ data: 0 }) },
  { name: 'a string', event: of({ data: 'not json: {' }) },
  { name: 'an empty string', event: of({ data: '' }) },
  { name: 'a string that looks like JSON', event: of({ data: '{"a":1}' }) },
  { name: 'an escaped string', event: of({ data: '\0\u001f"\\/\u2028\u2029' }) },
  { name: 'JSON of another type', event: of({ datacontenttype: 'application/geo+json', data: { x: 1 } }) },
  { name: 'text', event: of({ datacontenttype: 'text/plain', data: 'Zürich\r\n😀' }) },
  { name: 'empty text', event: of({ datacontenttype: 'text/plain', data: '' }) },
  { name: 'xml', event: of({ datacontenttype: 'application/xml', data: '<a>ü</a>' }) },
  {
    name: 'bytes',
    event: of({ datacontenttype: 'application/octet-stream', data: bytes(0, 128, 255, 10, 13) }),
  },
  { name: 'no bytes', event: of({ datacontenttype: 'application/octet-stream', data: bytes() }) },
  {
    name: 'bytes that are not UTF-8',
    event: of({ datacontenttype: 'text/plain', data: bytes(0xff, 0xfe, 0xc3) }),
  },
  {
    name: 'bytes of JSON',
    event: of({ datacontenttype: 'application/json', data: utf8(' { "a" : 1.0 } ') }),
  },
  { name: 'bytes without a content type', event: of({ data: bytes(123, 255) }) },
  { name: 'a string as octets', event: of({ datacontenttype: 'application/octet-stream', data: 'text' }) },
]

const roundTrip = (mode: Mode): ConformanceCase => ({
  id: `cloudevents.data-${mode}@1`,
  title: `Data of every kind arrives as it was published in ${mode} mode: JSON by value, text and bytes exactly`,
  requires: forMode(mode),
  covers: [mode === 'binary' ? 71 : 72, 76, 77, 78],
  permutations: kinds,
  run: async (t, permutation) => {
    const event = permutation.event as CloudEventInput
    const [delivery] = await carry(t, mode, [event])
    assertSameEvent(delivery?.event, event)
    assert.deepEqual(plainBytes(delivery?.data), plainBytes(event.data))
    assert.equal(delivery?.body === null, !('data' in event), 'data was made up or went missing')
  },
})

const exactNumbers = (mode: Mode): ConformanceCase => ({
  id: `cloudevents.exact-numbers-${mode}@1`,
  title: `JSON given as bytes is not written anew in ${mode} mode: numbers beyond 2^53, spaces and order stay`,
  requires: forMode(mode),
  covers: [77, 79],
  run: async t => {
    const json = '{"b": 9007199254740993, "a" : 1.10, "c":12345678901234567890,\n "b": 1E2}'
    const [delivery] = await carry(t, mode, [of({ datacontenttype: 'application/json', data: utf8(json) })])
    assert.equal(Buffer.from(delivery?.body ?? []).toString(), json)
  },
})

const survivesRetry: ConformanceCase = {
  id: 'cloudevents.data-through-retry@1',
  title: 'Data of every kind is the same after a retry, in the dead-letter queue and after a redrive',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store', 'dead-letter.selective'],
  covers: [62, 65, 78],
  permutations: kinds.filter(({ name }) =>
    ['absent', 'null', 'an empty string', 'bytes', 'no bytes', 'bytes of JSON', 'text'].includes(name),
  ),
  run: async (t, permutation) => {
    const event = permutation.event as CloudEventInput
    const bus = await t.bus()
    const got: { readonly attempt: number; readonly event: CloudEventInput; readonly body: unknown }[] = []
    await bus.subscribe('carried', { group: 'g', retry: after(2, 20) }, d => {
      got.push({ attempt: d.attempt, event: d.event, body: plainBytes(d.body) })
      if (got.length <= 2) throw new Error('not yet')
    })
    await bus.publish('carried', event)
    const [letter] = await deadLettered(t, bus, 'carried', 'g')
    assertSameEvent(letter?.event, event)
    await t.within(bus.deadLetters('carried', 'g').redrive(), 'the redrive')
    await t.until(() => got.length === 3, 'the redriven event')
    for (const one of got) {
      assertSameEvent(one.event as never, event)
      assert.deepEqual(one.body, got[0]?.body)
    }
  },
}

const large: ConformanceCase = {
  id: 'cloudevents.64-kib@1',
  title: 'An event of 64 KiB is carried, as the specification demands of every intermediary',
  requires: ['subscribe.group'],
  covers: [80, 1],
  run: async t => {
    const event = of({ data: 'ü'.repeat(32_000) })
    const [delivery] = await carry(t, undefined, [event])
    assertSameEvent(delivery?.event, event)
  },
}

export const dataCases: readonly ConformanceCase[] = [
  ...MODES.map(roundTrip),
  ...MODES.map(exactNumbers),
  survivesRetry,
  large,
]
