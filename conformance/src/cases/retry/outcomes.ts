import assert from 'node:assert/strict'
import { event, Reject, type RetryPolicyInput } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered, settled } from '../support/dead.ts'
import { item, sorted } from '../support/items.ts'
import { after } from '../support/retries.ts'
import { failing, witness } from '../support/witness.ts'

const attempts: ConformanceCase = {
  id: 'retry.attempts@1',
  title: 'A handler that always fails is started exactly as often as the policy says, counted from 1',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [58, 64],
  permutations: [1, 2, 5].map(count => ({ name: `${count} attempts`, count })),
  run: async (t, { count }) => {
    const bus = await t.bus()
    const seen = failing(t, Number.POSITIVE_INFINITY)
    await bus.subscribe('jobs', { group: 'workers', retry: after(count as number, 20) }, seen.handle)
    await bus.publish('jobs', item('doomed'))
    const letters = await deadLettered(t, bus, 'jobs', 'workers')
    await bus.publish('jobs', item('doomed-too'))
    await deadLettered(t, bus, 'jobs', 'workers', 2)

    const counted = seen.deliveries.filter(d => d.event.id === 'doomed').map(d => d.attempt)
    assert.deepEqual(
      counted,
      Array.from({ length: count as number }, (_, n) => n + 1),
    )
    assert.equal(letters.length, 1)
    assert.equal(letters[0]?.reason, 'attempts-exhausted')
    assert.equal(letters[0]?.attempts, count)
  },
}

const recovers: ConformanceCase = {
  id: 'retry.recovers@1',
  title: 'An event whose handler fails at first is handled in the end, and is then done',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [58],
  run: async t => {
    const bus = await t.bus()
    const seen = failing(t, 2)
    const subscription = await bus.subscribe('jobs', { group: 'workers', retry: after(3, 50) }, seen.handle)
    await bus.publish('jobs', item('shaky'))
    await t.until(() => seen.deliveries.length >= 3, 'the third attempt')
    await settled(t, subscription)
    await bus.publish('jobs', item('next'))
    await t.until(() => seen.starts('next') === 3, 'the next event to be handled')
    await settled(t, subscription)

    assert.equal(seen.starts('shaky'), 3)
    assert.deepEqual(await bus.deadLetters('jobs', 'workers').list(), [])
    assert.equal(subscription.stats.handled, 2)
    assert.equal(subscription.stats.retried, 4)
  },
}

const layers: ConformanceCase = {
  id: 'retry.layers@1',
  title:
    'The bus’s retry policy holds where the group says nothing, the group’s where it does, and a contract’s before both',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [58],
  run: async t => {
    const bus = await t.bus({ retry: after(3, 20) })
    const seen = failing(t, Number.POSITIVE_INFINITY)
    const Strict = event('com.example.strict', { topic: 'strict', retry: { attempts: 1 } })
    await bus.subscribe('plain', { group: 'workers' }, seen.handle)
    await bus.subscribe('own', { group: 'workers', retry: { attempts: 2 } }, seen.handle)
    await bus.subscribe(Strict, { group: 'workers', retry: { attempts: 2 } }, seen.handle)
    await bus.publish('plain', item('by-bus'))
    await bus.publish('own', item('by-group'))
    await bus.publish(Strict, {}, { attributes: { id: 'by-contract' } })
    for (const topic of ['plain', 'own', 'strict']) await deadLettered(t, bus, topic, 'workers')

    const starts = ['by-bus', 'by-group', 'by-contract'].map(id => seen.starts(id))
    assert.deepEqual(starts, [3, 2, 1])
  },
}

const keepsEvent: ConformanceCase = {
  id: 'retry.keeps-event@1',
  title: 'A retry brings the same event: attributes, data, key and headers, repeated ones in their order',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [62],
  run: async t => {
    const bus = await t.bus()
    const seen = failing(t, 2)
    await bus.subscribe('jobs', { group: 'workers', retry: after(3, 50) }, seen.handle)
    const headers = [
      ['x-hop', 'one'],
      ['x-tenant', 'acme'],
      ['x-hop', 'two'],
    ] as const
    const event = item('kept', {
      subject: 'a subject',
      time: '2026-01-02T03:04:05.123456789Z',
      tenantid: 'acme',
      data: { nested: [1, null, 'ü'] },
    })
    await bus.publish('jobs', event, { key: 'customer-7', headers })
    await t.until(() => seen.deliveries.length >= 3, 'the third attempt')

    const [first, ...later] = seen.deliveries
    assert.ok(first)
    assert.equal(first.key, 'customer-7')
    assert.deepEqual(first.headers, headers)
    for (const again of later) {
      assert.deepEqual(again.event, first.event)
      assert.deepEqual(again.headers, first.headers)
      assert.deepEqual(again.body, first.body)
      assert.equal(again.key, first.key)
      assert.equal(again.topic, first.topic)
    }
  },
}

const reject: ConformanceCase = {
  id: 'retry.reject@1',
  title: 'A handler that throws Reject has its event dead-lettered at once, whatever the policy allows',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [63],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t, () => {
      throw new Reject('the order is not ours')
    })
    await bus.subscribe('jobs', { group: 'workers', retry: after(10, 50) }, seen.handle)
    await bus.publish('jobs', item('refused'))
    const [letter] = await deadLettered(t, bus, 'jobs', 'workers')

    assert.equal(letter?.reason, 'rejected')
    assert.equal(letter?.attempts, 1)
    assert.equal(letter?.error.message, 'the order is not ours')
    assert.equal(seen.deliveries.length, 1)
  },
}

class Forbidden extends Error {
  readonly code = 'E_FORBIDDEN'
}

type Rules = NonNullable<RetryPolicyInput['classify']>

const rules: readonly { readonly name: string; readonly classify: Rules; readonly becomes: string }[] = [
  {
    name: 'dead-letter by class',
    classify: [{ error: Forbidden, to: 'dead-letter' }],
    becomes: 'dead-letter',
  },
  {
    name: 'dead-letter by code',
    classify: [{ code: 'E_FORBIDDEN', to: 'dead-letter' }],
    becomes: 'dead-letter',
  },
  { name: 'ignore by class', classify: [{ error: Forbidden, to: 'ignore' }], becomes: 'ignore' },
  {
    name: 'ignore by predicate',
    classify: [{ when: (error: unknown) => error instanceof Forbidden, to: 'ignore' }],
    becomes: 'ignore',
  },
]

const classifies: ConformanceCase = {
  id: 'retry.classifies@1',
  title:
    'The policy decides by the error: what is named is dead-lettered or ignored at once, the rest is retried',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [63],
  permutations: rules,
  run: async (t, { classify, becomes }) => {
    const bus = await t.bus()
    const seen = witness(t, d => {
      if (d.event.id === 'forbidden') throw new Forbidden('no')
      if (d.attempt === 1) throw new Error('for now')
    })
    const retry = { ...after(5, 50), classify: classify as Rules }
    const subscription = await bus.subscribe('jobs', { group: 'workers', retry }, seen.handle)
    await bus.publish('jobs', item('forbidden'))
    await bus.publish('jobs', item('shaky'))
    await t.until(() => seen.starts('shaky') === 2, 'the retry of the other error')
    await settled(t, subscription)

    assert.equal(seen.starts('forbidden'), 1)
    const letters = await bus.deadLetters('jobs', 'workers').list()
    const stats = subscription.stats
    if (becomes === 'ignore') {
      assert.deepEqual(letters, [])
      assert.equal(stats.ignored, 1)
    } else {
      assert.deepEqual(
        letters.map(l => [l.event?.id, l.reason, l.attempts]),
        [['forbidden', 'classified', 1]],
      )
      assert.equal(stats.deadLettered, 1)
    }
  },
}

const groupAlone: ConformanceCase = {
  id: 'retry.group-alone@1',
  title: 'A retry goes to the group that failed and to no other',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [58],
  run: async t => {
    const bus = await t.bus()
    const failed = failing(t, 2)
    const fine = witness(t)
    await bus.subscribe('jobs', { group: 'shaky', retry: after(3, 50) }, failed.handle)
    await bus.subscribe('jobs', { group: 'steady' }, fine.handle)
    await bus.publish('jobs', item('one'))
    await t.until(() => failed.starts('one') === 3, 'the last retry')
    await bus.publish('jobs', item('two'))
    await t.until(() => failed.starts('two') === 3 && fine.starts('two') > 0, 'the next event in both groups')

    assert.deepEqual(sorted(fine.ids), ['one', 'two'])
  },
}

const broadcast: ConformanceCase = {
  id: 'retry.broadcast@1',
  title:
    'Without a group, a failing event is tried again in memory, then dropped and counted, and others flow on',
  requires: ['subscribe.broadcast'],
  covers: [70],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t, d => {
      if (d.event.id === 'doomed') throw new Error('always')
    })
    const subscription = await bus.subscribe('news', { retry: after(3, 50) }, seen.handle)
    await bus.publish('news', item('doomed'))
    await bus.publish('news', item('fine'))
    await t.until(() => subscription.stats.dropped === 1, 'the event to be dropped')

    assert.equal(seen.starts('doomed'), 3)
    assert.deepEqual(
      seen.deliveries.filter(d => d.event.id === 'doomed').map(d => d.attempt),
      [1, 2, 3],
    )
    assert.equal(seen.starts('fine'), 1)
    assert.equal(subscription.stats.handled, 1)
  },
}

export const outcomeCases = [
  attempts,
  layers,
  recovers,
  keepsEvent,
  reject,
  classifies,
  groupAlone,
  broadcast,
]
