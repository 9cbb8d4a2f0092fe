import assert from 'node:assert/strict'
import type { CloudEventInput } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { item } from '../support/items.ts'
import { assertSameEvent, attributesOf } from '../support/same-event.ts'
import { carry, forMode, MODES, type Mode } from './carry.ts'

const everyAttribute: CloudEventInput = {
  id: 'A234-1234-1234',
  source: 'https://github.com/cloudevents?tab=repositories#top',
  type: 'com.example.someevent',
  subject: 'mynewfile.jpg',
  time: '2026-04-05T17:31:00.123456789-05:30',
  datacontenttype: 'application/vnd.example+json; charset=utf-8',
  dataschema: 'https://example.com/schema/1.json',
  correlationid: 'order-1',
  causationid: 'click-2',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
  partitionkey: 'customer-7',
  sequence: '00042',
  dataref: 'file:///claim/check',
  opcuametadatamajorversion: 'an official name of 25 characters',
  data: { hello: 'world' },
}

const attributes = (mode: Mode): ConformanceCase => ({
  id: `cloudevents.attributes-${mode}@1`,
  title: `Every attribute arrives as it was published in ${mode} mode: required, optional and extension ones, times to the nanosecond`,
  requires: forMode(mode),
  covers: [mode === 'binary' ? 71 : 72, 73, 1],
  run: async t => {
    const minimal = { id: '1', source: '/', type: 't' }
    const [all, least] = await carry(t, mode, [everyAttribute, minimal])
    assertSameEvent(all?.event, everyAttribute)
    assertSameEvent(least?.event, minimal)
  },
})

const odd: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'umlauts and astral', text: 'Zürich 東京 😀 🇨🇭' },
  { name: 'right to left', text: 'שלום مرحبا' },
  { name: 'percent and quotes', text: '100%25 "quoted" \\back\\ %zz %' },
  { name: 'spaces at the ends', text: '  in the middle  too  ' },
  { name: 'separators', text: 'a,b;c=d&e:f{g}[h]<i>|j`k^l' },
  { name: 'combining', text: 'e\u0301 is not \u00e9' },
  { name: 'like json', text: '{"a":1}' },
  { name: 'like a number', text: '007' },
  { name: 'like null', text: 'null' },
  { name: 'long', text: 'ü'.repeat(2_000) },
]

const unicode = (mode: Mode): ConformanceCase => ({
  id: `cloudevents.unicode-${mode}@1`,
  title: `Any text a CloudEvent may hold in its attributes arrives as it was published in ${mode} mode`,
  requires: forMode(mode),
  covers: [74],
  permutations: odd,
  run: async (t, { text }) => {
    const event = item(`id ${String(text).slice(0, 100)}`, { subject: String(text), note: String(text) })
    const [delivery] = await carry(t, mode, [event])
    assertSameEvent(delivery?.event, event)
  },
})

const typed = (mode: Mode): ConformanceCase => ({
  id: `cloudevents.typed-extensions-${mode}@1`,
  title: `Extensions of every type reach a handler as their canonical strings in ${mode} mode, on every adapter alike`,
  requires: forMode(mode),
  covers: [75, 82],
  run: async t => {
    const event = item('typed', {
      yes: true,
      no: false,
      least: -2_147_483_648,
      zero: 0,
      day: new Date('2026-01-02T03:04:05.678Z'),
      link: new URL('https://example.com/a?b=c'),
      bytes: new Uint8Array([0, 1, 254, 255]),
      unset: null,
      digits: '5',
    })
    const [delivery] = await carry(t, mode, [event])
    const { yes, no, least, zero, day, link, bytes, digits } = attributesOf(delivery?.event)
    assert.deepEqual(
      { yes, no, least, zero, day, link, bytes, digits },
      {
        yes: 'true',
        no: 'false',
        least: '-2147483648',
        zero: '0',
        day: '2026-01-02T03:04:05.678Z',
        link: 'https://example.com/a?b=c',
        bytes: 'AAH+/w==',
        digits: '5',
      },
    )
    assert.ok(!('unset' in (delivery?.event ?? {})), 'an attribute that was null came out')
  },
})

const untouched: ConformanceCase = {
  id: 'cloudevents.untouched@1',
  title: 'An event passed whole is neither changed nor wrapped, even when its data is an event itself',
  requires: ['subscribe.group'],
  covers: [73],
  run: async t => {
    const inner = Object.freeze({
      specversion: '1.0',
      id: 'inner',
      source: '/inner',
      type: 'inner',
      data: { a: 1 },
    })
    const plain = Object.freeze(item('plain', { data: inner }))
    const nested = Object.freeze(
      item('nested', { datacontenttype: 'application/cloudevents+json', data: inner }),
    )
    const [first] = await carry(t, undefined, [plain])
    assertSameEvent(first?.event, plain)
    // A binary message of this content type would be read as structured, so it must travel another way or be refused.
    const bus = await t.bus()
    const published = await bus.publish('envelopes', nested).then(
      () => 'taken' as const,
      () => 'refused' as const,
    )
    if (published === 'taken') {
      const [second] = await carry(t, undefined, [nested])
      assertSameEvent(second?.event, nested)
    }
  },
}

export const attributeCases: readonly ConformanceCase[] = [
  ...MODES.map(attributes),
  ...MODES.map(unicode),
  ...MODES.map(typed),
  untouched,
]
