import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { item } from '../support/items.ts'
import { OrderPlaced } from '../support/orders.ts'
import { after } from '../support/retries.ts'
import { assertSameEvent, plainBytes } from '../support/same-event.ts'
import { witness } from '../support/witness.ts'

class OutOfStock extends Error {
  override readonly name = 'OutOfStock'
  readonly code = 'E_STOCK'
}

const metadata: ConformanceCase = {
  id: 'dead-letters.metadata@1',
  title:
    'A dead letter says why: reason, error, attempts, topic, group, key, and when it failed first and last',
  requires: ['subscribe.group', 'dead-letter.store', 'retry.durable'],
  covers: [65],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t, () => {
      throw new OutOfStock('none left')
    })
    await bus.subscribe('jobs', { group: 'workers', retry: after(3, 300) }, seen.handle)
    const began = t.clock.now()
    await bus.publish('jobs', item('doomed'), { key: 'customer-7' })
    const [letter] = await deadLettered(t, bus, 'jobs', 'workers')
    const ended = t.clock.now()

    assert.ok(letter)
    assert.equal(letter.reason, 'attempts-exhausted')
    assert.equal(letter.attempts, 3)
    assert.equal(letter.topic, 'jobs')
    assert.equal(letter.group, 'workers')
    assert.equal(letter.key, 'customer-7')
    assert.equal(letter.redrives, 0)
    assert.equal(letter.error.class, 'OutOfStock')
    assert.equal(letter.error.code, 'E_STOCK')
    assert.equal(letter.error.message, 'none left')
    assert.match(letter.error.stack ?? '', /none left/)
    const first = letter.firstFailure?.getTime() ?? 0
    const last = letter.lastFailure?.getTime() ?? 0
    // Wall clocks of a broker and its clients differ, but not by seconds.
    assert.ok(first >= began - 5_000 && last <= ended + 5_000, `failed at ${first} and ${last}`)
    assert.ok(last - first >= 600, `two waits of 300 ms lie between the failures, not ${last - first} ms`)
    assert.ok((letter.deadAt?.getTime() ?? 0) >= last)
  },
}

const bytes = new Uint8Array([0, 255, 254, 10, 13, 34, 123, 128])

const events = [
  { name: 'json', event: item('dead', { data: { sum: 1.5, list: [null, ''], text: 'ü€😀' } }) },
  { name: 'bytes', event: item('dead', { datacontenttype: 'image/png', data: bytes }) },
  { name: 'text', event: item('dead', { datacontenttype: 'text/plain', data: 'a\r\nb' }) },
  { name: 'null', event: item('dead', { data: null }) },
]

const keepsEvent: ConformanceCase = {
  id: 'dead-letters.keeps-event@1',
  title:
    'A dead letter keeps the event as it was published: every attribute, its data byte for byte, its headers',
  requires: ['subscribe.group', 'dead-letter.store', 'retry.durable'],
  covers: [65, 62],
  permutations: [...events, { name: 'without data', event: withoutData() }],
  run: async (t, { event }) => {
    const bus = await t.bus()
    const seen = witness(t, () => {
      throw new Error('always')
    })
    await bus.subscribe('jobs', { group: 'workers', retry: after(2, 20) }, seen.handle)
    const published = {
      ...(event as ReturnType<typeof item>),
      subject: 'of this',
      time: '2026-01-02T03:04:05.123456789+02:00',
      tenantid: 'ac me%',
    }
    const headers = [
      ['x-hop', 'one'],
      ['x-hop', 'two'],
    ] as const
    await bus.publish('jobs', published, { headers })
    const [letter] = await deadLettered(t, bus, 'jobs', 'workers')

    assert.ok(letter)
    assertSameEvent(letter.event, published)
    assert.deepEqual(plainBytes(letter.body), plainBytes(seen.deliveries[0]?.body))
    assert.deepEqual(letter.headers, headers)
  },
}

function withoutData() {
  const { data: _, ...event } = item('dead')
  return event
}

const hostileErrors: readonly { readonly name: string; readonly thrown: unknown }[] = [
  { name: 'line breaks and controls', thrown: new Error('one\r\ntwo\0three\u001b[31m') },
  { name: 'unicode', thrown: new Error('Größe 😀 \ud800') },
  { name: 'a megabyte', thrown: new Error('x'.repeat(1_000_000)) },
  { name: 'undefined', thrown: undefined },
  { name: 'a string', thrown: 'just a string' },
  { name: 'frozen', thrown: Object.freeze(new Error('frozen')) },
  { name: 'a cycle of causes', thrown: cyclicError() },
  { name: 'hostile getters', thrown: hostileError() },
]

function cyclicError(): Error {
  const error = new Error('round')
  error.cause = error
  return error
}

function hostileError(): unknown {
  const refuse = () => {
    throw new Error('do not look')
  }
  return Object.defineProperties(
    {},
    {
      name: { get: refuse },
      message: { get: refuse },
      stack: { get: refuse },
      code: { get: refuse },
      cause: { get: refuse },
    },
  )
}

const anyError: ConformanceCase = {
  id: 'dead-letters.any-error@1',
  title: 'Whatever a handler throws, its event is retried, then dead-lettered, and the others are handled',
  requires: ['subscribe.group', 'dead-letter.store', 'retry.durable'],
  covers: [13, 26, 65],
  permutations: hostileErrors,
  run: async (t, { thrown }) => {
    const bus = await t.bus()
    const seen = witness(t, async d => {
      if (d.event.id === 'doomed') throw thrown
    })
    await bus.subscribe('jobs', { group: 'workers', retry: after(2, 20) }, seen.handle)
    await bus.publish('jobs', item('doomed'))
    const [letter] = await deadLettered(t, bus, 'jobs', 'workers')
    await bus.publish('jobs', item('fine'))
    await t.until(() => seen.starts('fine') === 1, 'the next event')

    assert.equal(seen.starts('doomed'), 2)
    assert.equal(letter?.event?.id, 'doomed')
    assert.equal(letter?.reason, 'attempts-exhausted')
    const kept = Buffer.byteLength((letter?.error.message ?? '') + (letter?.error.stack ?? ''))
    assert.ok(kept <= 16_384, `the error takes ${kept} bytes of the dead letter`)
  },
}

const unhandledType: ConformanceCase = {
  id: 'dead-letters.unhandled-type@1',
  title:
    'An event of a type that no handler names is acked and counted, dead-lettered or retried, as was asked',
  requires: ['subscribe.group', 'dead-letter.store', 'retry.durable'],
  covers: [51, 65],
  permutations: [{ name: 'ack' }, { name: 'dead-letter' }, { name: 'retry' }],
  run: async (t, { name }) => {
    const bus = await t.bus()
    const handled: string[] = []
    const unhandled = name as 'ack' | 'dead-letter' | 'retry'
    const options = { group: 'workers', unhandled, retry: after(3, 20) }
    const subscription = await bus.subscribe(OrderPlaced, options, ({ data }) => {
      handled.push(data.order)
    })
    await bus.publish('orders', { ...item('other'), type: 'com.example.other' })
    await bus.publish(OrderPlaced, { order: 'one', total: 1 })
    await t.until(() => handled.length === 1, 'the event that has a handler')
    if (name === 'ack') await t.until(() => subscription.stats.unhandled === 1, 'the other to be counted')
    const letters = name === 'ack' ? [] : await deadLettered(t, bus, 'orders', 'workers')
    await t.until(() => subscription.stats.held === 0, 'everything to be settled')

    assert.deepEqual(handled, ['one'])
    const expected = { ack: [], 'dead-letter': ['unhandled-type'], retry: ['attempts-exhausted'] }[unhandled]
    assert.deepEqual(
      letters.map(l => l.reason),
      expected,
    )
    assert.equal((await bus.deadLetters('orders', 'workers').list()).length, expected.length)
  },
}

export const contentCases: readonly ConformanceCase[] = [metadata, keepsEvent, anyError, unhandledType]
