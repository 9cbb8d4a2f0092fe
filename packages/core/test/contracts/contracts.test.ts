import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  event,
  isEventContract,
  isRequestContract,
  isTopic,
  request,
  topic,
  toTopic,
} from '../../src/contracts/index.ts'
import { BusError, type Issue } from '../../src/errors/index.ts'

function issuesOf(define: () => unknown): { code: string; fields: string[]; issues: readonly Issue[] } {
  try {
    define()
  } catch (error) {
    if (error instanceof BusError) {
      return { code: error.code, fields: error.issues.map(issue => issue.field), issues: error.issues }
    }
    throw error
  }
  throw new Error('nothing was refused')
}

/** As from JavaScript, where no compiler has looked. */
const untyped = (value: unknown) => value as never

const data = z.object({ id: z.string() })

describe('topic', () => {
  it('has defaults, and is frozen', () => {
    expect(topic('orders')).toEqual({ name: 'orders', ordered: false, partitions: 1 })
    const retention = { age: 1000 }
    const full = topic('orders', { ordered: true, partitions: 16, retention, address: 'legacy' })
    retention.age = 5
    expect(full).toEqual({
      name: 'orders',
      ordered: true,
      partitions: 16,
      retention: { age: 1000 },
      address: 'legacy',
    })
    expect(Object.isFrozen(full)).toBe(true)
    expect(Object.isFrozen(full.retention)).toBe(true)
  })

  it('refuses illegal names and options', () => {
    expect(() => topic('a_b')).toThrow(expect.objectContaining({ code: 'ILLEGAL_NAME', field: 'topic' }))
    expect(() => topic('orders.*')).toThrow(expect.objectContaining({ code: 'ILLEGAL_NAME' }))
    const illegal = { partitions: 0, orderd: true, retention: { age: 0 }, decode: 'json' }
    expect(issuesOf(() => topic('orders', untyped(illegal)))).toMatchObject({
      code: 'INVALID_OPTIONS',
      fields: ['partitions', 'orderd', 'retention.age', 'decode'],
    })
  })

  it('is what a bare name stands for', () => {
    expect(toTopic('orders')).toEqual(topic('orders'))
    const own = topic('orders', { partitions: 2 })
    expect(toTopic(own)).toBe(own)
  })
})

describe('event', () => {
  it('holds what was declared, frozen', () => {
    const contract = event('com.example.placed', {
      topic: 'orders',
      data,
      key: order => order.id,
      dataschema: 'https://example.com/order',
      datacontenttype: 'application/json; charset=utf-8',
      source: '/orders',
      extensions: { tenant: 'string' },
      retry: { attempts: 3 },
    })
    expect(contract).toMatchObject({
      kind: 'event',
      type: 'com.example.placed',
      topic: { name: 'orders' },
      data,
    })
    expect(contract).toMatchObject({
      source: '/orders',
      extensions: { tenant: 'string' },
      retry: { attempts: 3 },
    })
    expect(Object.isFrozen(contract)).toBe(true)
  })

  it('reports everything that is wrong at once', () => {
    const illegal = {
      topic: 'a b',
      data: { parse() {} },
      key: 'id',
      dataschema: 'relative/path',
      datacontenttype: 'json',
      source: '',
      extensions: { Tenant: 'string', subject: 'string', size: 'float' },
      retry: { attempts: 0, backoff: { kind: 'fixed' } },
      codecs: [],
    }
    const { code, fields } = issuesOf(() => event(untyped(''), untyped(illegal)))
    expect(code).toBe('INVALID_CONTRACT')
    expect(fields.toSorted()).toEqual(
      [
        'type',
        'topic',
        'data',
        'key',
        'dataschema',
        'datacontenttype',
        'source',
        'extensions.Tenant',
        'extensions.subject',
        'extensions.size',
        'retry.attempts',
        'retry.backoff.delay',
        'codecs',
      ].toSorted(),
    )
  })

  it.each(['', 'a\u0000b', 'a\nb', '\ud800', undefined, 7])('refuses the type %j', type => {
    expect(issuesOf(() => event(untyped(type), { topic: 'a' }))).toMatchObject({
      code: 'INVALID_CONTRACT',
      fields: ['type'],
    })
  })

  it('demands a key on an ordered topic', () => {
    const ordered = topic('orders', { ordered: true })
    expect(issuesOf(() => event('t', { topic: ordered, data }))).toMatchObject({
      code: 'INVALID_CONTRACT',
      fields: ['key'],
    })
    expect(event('t', { topic: ordered, data, key: order => order.id }).topic).toBe(ordered)
  })

  it.each([undefined, null, {}, { name: 'orders' }])('refuses %j for a topic', wrong => {
    expect(issuesOf(() => event('t', untyped({ topic: wrong })))).toMatchObject({ fields: ['topic'] })
  })

  it.each([undefined, null, 'orders'])('refuses %j for a definition', wrong => {
    expect(issuesOf(() => event('t', untyped(wrong)))).toMatchObject({ code: 'INVALID_CONTRACT' })
  })
})

describe('request', () => {
  const Quote = request('com.example.quote', {
    topic: 'pricing',
    input: data,
    output: z.number(),
    errors: { NOT_FOUND: data },
    timeout: 500,
  })

  it('reports everything that is wrong at once', () => {
    const illegal = {
      topic: topic('a', { ordered: true }),
      input: 1,
      errors: { 'not found': 2 },
      timeout: 0,
      retry: {},
    }
    const { code, fields } = issuesOf(() => request('t', untyped(illegal)))
    expect(code).toBe('INVALID_CONTRACT')
    expect(fields.toSorted()).toEqual(
      ['topic', 'input', 'output', 'errors.not found', 'errors.not found', 'timeout', 'retry'].toSorted(),
    )
  })

  it('recognises its own declared failures alone', () => {
    const failed = (requestType: string, failure: string) =>
      Object.assign(new BusError('REQUEST_FAILED', 'no'), { requestType, failure, data: { id: '1' } })
    expect(Quote.isFailure(failed('com.example.quote', 'NOT_FOUND'), 'NOT_FOUND')).toBe(true)
    expect(Quote.isFailure(failed('com.example.quote', 'SOLD_OUT'), 'NOT_FOUND')).toBe(false)
    expect(Quote.isFailure(failed('com.example.other', 'NOT_FOUND'), 'NOT_FOUND')).toBe(false)
    const other = Object.assign(failed('com.example.quote', 'NOT_FOUND'), { code: 'REMOTE_FAILURE' })
    expect(Quote.isFailure(other, 'NOT_FOUND')).toBe(false)
    expect(Quote.isFailure(undefined, 'NOT_FOUND')).toBe(false)
  })

  it('is frozen, its failures too', () => {
    expect(Object.isFrozen(Quote)).toBe(true)
    expect(Object.isFrozen(Quote.errors)).toBe(true)
    expect(Quote.timeout).toBe(500)
  })
})

describe('contracts', () => {
  it('are told from raw events that look like them', () => {
    const contract = event('t', { topic: 'a' })
    expect([isEventContract(contract), isRequestContract(contract), isTopic(contract)]).toEqual([
      true,
      false,
      false,
    ])
    expect(isTopic(contract.topic)).toBe(true)
    const raw = { ...contract, specversion: '1.0', id: '1', source: '/' }
    expect(isEventContract(raw)).toBe(false)
    expect(isEventContract(null)).toBe(false)
  })
})
