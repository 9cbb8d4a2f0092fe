import { Buffer } from 'node:buffer'
import { type Envelope, META } from '@busbar/core/adapter'
import { describe, expect, it } from 'vitest'
import { copyFields, type Fields, readEntry, writeEntry } from '../src/wire/entry.ts'
import { readFrame, writeFrame } from '../src/wire/frame.ts'

const event: Envelope = {
  attributes: { specversion: '1.0', id: '1', source: '/s', type: 't' },
  body: Buffer.from('{"a":1}'),
  meta: {},
  headers: [],
}
const stored = (fields: Fields) => fields.map(field => Buffer.from(field as string))

describe('entries', () => {
  it.each(['binary', 'structured'] as const)('carry an event there and back in %s mode', mode => {
    const entry = readEntry(stored(writeEntry(event, mode, 'ann')))
    expect(entry.envelope?.attributes).toEqual(event.attributes)
    expect(Buffer.from(entry.envelope?.body ?? []).toString()).toBe('{"a":1}')
    expect(entry).toMatchObject({ key: 'ann', structured: mode === 'structured', redelivered: 0 })
    expect(entry.meta).toEqual({})
  })

  it('keep headers whose names mean something to this adapter, repeated and in order', () => {
    const headers = [
      ['body', 'x'],
      ['position', 'p'],
      ['a', '1'],
      ['redelivered', '9'],
      ['\\body', 'y'],
      ['a', '2'],
    ] as const
    for (const body of [event.body, null]) {
      const entry = readEntry(stored(writeEntry({ ...event, body, headers }, 'binary')))
      expect(entry.envelope?.headers).toEqual(headers)
      expect(entry.envelope?.body === null).toBe(body === null)
      expect(entry.redelivered).toBe(0)
    }
  })

  it('that are no event keep body, headers and metadata apart', () => {
    const fields: Fields = ['body', Buffer.from([0xff, 0]), 'content-type', 'text/plain', 'x', '1']
    const entry = readEntry(stored([...fields, META.reason, 'undecodable']))
    expect(entry.envelope).toBeNull()
    expect(entry.meta).toEqual({ [META.reason]: 'undecodable' })
    expect(entry.raw).toMatchObject({ headers: [['x', '1']], contentType: 'text/plain' })
    expect([...(entry.raw?.body ?? [])]).toEqual([0xff, 0])
  })

  it('send data that is itself a JSON event as a document', () => {
    const attributes = { ...event.attributes, datacontenttype: 'application/cloudevents+json' }
    const entry = readEntry(stored(writeEntry({ ...event, attributes }, 'binary')))
    expect(entry.structured).toBe(true)
    expect(entry.envelope?.attributes.datacontenttype).toBe('application/cloudevents+json')
  })
})

describe('the fields of a copy', () => {
  it('name the place in publish order, and leave out what a document says itself', () => {
    const meta = { [META.data]: 'text', [META.failures]: '2' }
    const own = { key: 'k', position: '5-1', redelivered: 3 }
    expect(copyFields(meta, own, true)).toEqual([
      META.failures,
      '2',
      META.key,
      'k',
      'position',
      '5-1',
      'redelivered',
      '3',
    ])
    expect(copyFields(meta, {}, false)).toContain(META.data)
  })
})

describe('frames', () => {
  it('hold any bytes', () => {
    const fields = ['body', Buffer.from([0, 10, 255]), 'é', '']
    expect(readFrame(writeFrame(fields))).toEqual(fields.map(field => Buffer.from(field as string)))
  })

  it.each(['', 'x', '[1', '[1]\nab', '[5,5]\nab', '[-1,1]\na', '{}\n'])('are told from %j', text => {
    expect(readFrame(Buffer.from(text))).toBeUndefined()
  })
})
