import assert from 'node:assert/strict'
import { event, topic } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { deadLettered } from './support/dead.ts'
import { ids, item, publishItems, sorted } from './support/items.ts'
import { OrderPlaced } from './support/orders.ts'
import { after } from './support/retries.ts'
import { plainBytes } from './support/same-event.ts'
import { schema } from './support/standard-schema.ts'
import { witness } from './support/witness.ts'

const garbage: readonly { readonly name: string; readonly contentType: string; readonly body: Uint8Array }[] =
  [
    { name: 'broken JSON', contentType: 'application/cloudevents+json', body: utf8('{"specversion":') },
    { name: 'not UTF-8', contentType: 'application/cloudevents+json', body: Uint8Array.of(0xff, 0xfe, 0, 1) },
    { name: 'no event', contentType: 'application/cloudevents+json', body: utf8('{"hello":"world"}') },
    {
      name: 'a bad attribute',
      contentType: 'application/cloudevents+json',
      body: utf8('{"specversion":"1.0","id":"","source":"/","type":"t"}'),
    },
    { name: 'no CloudEvent at all', contentType: 'text/plain', body: utf8('hello') },
  ]

function utf8(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text))
}

const undecodable: ConformanceCase = {
  id: 'poison.undecodable@1',
  title:
    'A message that is no CloudEvent goes to the dead letters with its bytes and headers, and the others flow on',
  requires: ['subscribe.group', 'dead-letter.store'],
  raw: true,
  covers: [114, 115, 116],
  permutations: garbage,
  run: async (t, { contentType, body }) => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers', retry: after(5, 100) }, seen.handle)
    const message = {
      headers: { 'x-sender': 'legacy' },
      contentType: String(contentType),
      body: body as Uint8Array,
    }
    await t.raw.send('jobs', message)
    await bus.publish('jobs', item('fine'))
    const [letter] = await deadLettered(t, bus, 'jobs', 'workers')
    await t.until(() => seen.deliveries.length > 0, 'the event behind it')

    assert.deepEqual(seen.ids, ['fine'])
    assert.equal(letter?.reason, 'undecodable')
    assert.equal(letter?.event, null)
    assert.deepEqual(plainBytes(letter?.raw?.body), body)
    assert.ok(letter?.raw?.headers.some(([name, value]) => name === 'x-sender' && String(value) === 'legacy'))
    assert.equal(letter?.error.code, 'DECODE_FAILED')
  },
}

const stays: ConformanceCase = {
  id: 'poison.undecodable-stays@1',
  title: 'A dead letter that cannot be decoded is kept by a redrive, not moved in circles or lost',
  requires: ['subscribe.group', 'dead-letter.store', 'dead-letter.selective'],
  raw: true,
  covers: [67, 114],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'workers' }, seen.handle)
    const body = utf8('not an event')
    await t.raw.send('jobs', { headers: {}, contentType: 'application/cloudevents+json', body })
    await deadLettered(t, bus, 'jobs', 'workers')
    const queue = bus.deadLetters('jobs', 'workers')
    assert.deepEqual(await t.within(queue.redrive(), 'the redrive'), { redriven: 0, kept: 1 })

    const [letter] = await queue.list()
    assert.deepEqual(plainBytes(letter?.raw?.body), body)
    assert.deepEqual(seen.ids, [])
  },
}

const adopted = topic('legacy', {
  decode: raw => {
    const text = Buffer.from(raw.body ?? []).toString()
    if (!text.startsWith('order ')) throw new Error('no order')
    return { id: text, source: '/legacy', type: 'com.example.legacy', data: text.slice('order '.length) }
  },
})

const adoption: ConformanceCase = {
  id: 'poison.adoption@1',
  title:
    'A topic in use can be adopted: its decode hook makes events of foreign messages, and what it refuses is poison',
  requires: ['subscribe.group', 'dead-letter.store'],
  raw: true,
  covers: [83, 114],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe(adopted, { group: 'workers' }, seen.handle)
    const send = (text: string) =>
      t.raw.send('legacy', { headers: { 'x-tenant': 'acme' }, contentType: 'text/plain', body: utf8(text) })
    await send('order 7')
    await send('nonsense')
    await bus.publish(adopted, item('modern'))
    const [letter] = await deadLettered(t, bus, adopted, 'workers')
    await t.until(() => seen.deliveries.length === 2, 'both events')

    assert.deepEqual(sorted(seen.ids), ['modern', 'order 7'])
    const foreign = seen.deliveries.find(d => d.event.id === 'order 7')
    assert.equal(foreign?.data, '7')
    assert.deepEqual(foreign?.headers, [['x-tenant', 'acme']])
    assert.equal(Buffer.from(letter?.raw?.body ?? []).toString(), 'nonsense')
  },
}

const badData: readonly { readonly name: string; readonly data: Record<string, unknown> }[] = [
  { name: 'a field of another type', data: { data: { order: 'bad', total: 'nine' } } },
  { name: 'null', data: { data: null } },
  { name: 'no data', data: { data: undefined } },
  { name: 'bytes', data: { data: Uint8Array.of(0xff, 0xfe), datacontenttype: 'application/octet-stream' } },
  { name: 'broken JSON', data: { data: utf8('{"order":'), datacontenttype: 'application/json' } },
]

const schemaViolation: ConformanceCase = {
  id: 'poison.schema-violation@1',
  title:
    'An event whose data breaks the handler’s schema is dead-lettered at once, without a retry, and alone',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [63, 116],
  permutations: badData,
  run: async (t, { data }) => {
    const bus = await t.bus()
    const handled: string[] = []
    const options = { group: 'workers', retry: after(5, 60_000) }
    const subscription = await bus.subscribe(OrderPlaced, options, ({ data: order }) => {
      handled.push(order.order)
    })
    await bus.publish('orders', item('bad', { type: OrderPlaced.type, ...(data as object) }))
    await bus.publish(OrderPlaced, { order: 'fine', total: 1 })
    const [letter] = await deadLettered(t, bus, 'orders', 'workers')
    await t.until(() => handled.length > 0, 'the good event')

    assert.deepEqual(handled, ['fine'])
    assert.equal(letter?.reason, 'schema-violation')
    assert.equal(letter?.event?.id, 'bad')
    assert.equal(letter?.error.code, 'SCHEMA_VIOLATION')
    assert.equal(subscription.stats.retried, 0)
  },
}

const validatorThrows: ConformanceCase = {
  id: 'poison.validator-throws@1',
  title: 'A validator that throws says nothing about the event: it is retried',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [63],
  permutations: [{ name: 'throws' }, { name: 'rejects' }],
  run: async (t, { name }) => {
    let calls = 0
    const flaky = schema<{ id: string }>(value => {
      if (++calls > 1) return { value: value as { id: string } }
      if (name === 'throws') throw new Error('the registry is away')
      return Promise.reject(new Error('the registry is away'))
    })
    const Checked = event('com.example.checked', { topic: 'checked', data: flaky })
    const bus = await t.bus()
    const attempts: number[] = []
    await bus.subscribe(Checked, { group: 'workers', retry: after(3, 100) }, ({ attempt }) => {
      attempts.push(attempt)
    })
    await bus.publish('checked', item('a', { type: Checked.type }))
    await t.until(() => attempts.length === 1, 'the event to be handled')

    assert.equal(calls, 2)
    assert.deepEqual(attempts, [2])
    assert.deepEqual(await bus.deadLetters('checked', 'workers').list(), [])
  },
}

const neighbours: ConformanceCase = {
  id: 'poison.neighbours@1',
  title:
    'One event that always fails costs the others around it nothing: each is handled once, none is dead-lettered',
  requires: ['subscribe.group', 'dead-letter.store', 'retry.durable'],
  covers: [115, 64],
  permutations: [
    { name: 'one at a time', concurrency: 1 },
    { name: '16 at a time', concurrency: 16 },
  ],
  run: async (t, { concurrency }) => {
    const bus = await t.bus()
    const names = ids('fine', 60)
    const seen = witness(t, d => {
      if (d.event.id === 'poison') return Promise.reject(new Error('always'))
    })
    const options = {
      group: 'workers',
      concurrency: concurrency as number,
      prefetch: 40,
      retry: after(4, 20),
    }
    await bus.subscribe('jobs', options, seen.handle)
    await publishItems(bus, 'jobs', [...names.slice(0, 30), 'poison', ...names.slice(30)])
    const letters = await deadLettered(t, bus, 'jobs', 'workers')
    await t.until(() => names.every(id => seen.starts(id) > 0), 'the others to be handled')

    assert.deepEqual(
      letters.map(l => l.event?.id),
      ['poison'],
    )
    assert.equal(seen.starts('poison'), 4)
    for (const id of names) assert.equal(seen.starts(id), 1, id)
    assert.ok(seen.deliveries.every(d => d.event.id === 'poison' || d.attempt === 1))
  },
}

/** Poison: what can never be handled ends in the dead letters and harms nothing else. */
export const poisonCases: readonly ConformanceCase[] = [
  undecodable,
  stays,
  adoption,
  schemaViolation,
  validatorThrows,
  neighbours,
]
