import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { gate } from '../support/gate.ts'
import { ids, item, sorted } from '../support/items.ts'
import { witness } from '../support/witness.ts'
import { answer, Quote } from './quote.ts'

const correlates: ConformanceCase = {
  id: 'requests.answers@1',
  title: 'Each of many requests at once gets its own answer, in whatever order they are given',
  requires: ['request.reply'],
  covers: [53],
  run: async t => {
    const caller = await t.bus()
    const responder = await t.bus()
    const skus = ids('sku', 20)
    const waiting: { sku: string; answer: () => void }[] = []
    await responder.respond(Quote, { group: 'pricing', concurrency: 20 }, async ({ input }) => {
      await new Promise<void>(resolve => waiting.push({ sku: input.sku, answer: resolve }))
      return answer(input.sku)
    })
    const answers = skus.map(sku => caller.request(Quote, { sku }))
    await t.until(() => waiting.length === skus.length, 'every request to arrive')
    for (const one of waiting.reverse()) one.answer()

    assert.deepEqual(await t.within(Promise.all(answers), 'every answer'), skus.map(answer))
    assert.equal(caller.stats.requests.pending, 0)
  },
}

const twoCallers: ConformanceCase = {
  id: 'requests.two-callers@1',
  title:
    'The answer goes to the caller who asked, even when two use the same correlationid, which stays theirs',
  requires: ['request.reply'],
  covers: [53],
  run: async t => {
    const [one, two, responder] = [await t.bus(), await t.bus(), await t.bus()]
    const both = gate()
    const correlations: unknown[] = []
    await responder.respond(Quote, { group: 'pricing' }, async ({ input, event }) => {
      correlations.push(event.correlationid)
      await both.passed()
      return answer(input.sku)
    })
    const options = { attributes: { correlationid: 'order-1' } }
    const first = one.request(Quote, { sku: 'a' }, options)
    const second = two.request(Quote, { sku: 'bb' }, options)
    await t.until(() => correlations.length === 2, 'both requests')
    both.open()

    assert.deepEqual(await t.within(first, 'the first answer'), answer('a'))
    assert.deepEqual(await t.within(second, 'the second answer'), answer('bb'))
    assert.deepEqual(correlations, ['order-1', 'order-1'])
    assert.equal(one.stats.requests.lateReplies + two.stats.requests.lateReplies, 0)
  },
}

const oneMember: ConformanceCase = {
  id: 'requests.one-member@1',
  title: 'Each request is handled by one member of the group, once',
  requires: ['request.reply'],
  covers: [53],
  run: async t => {
    const caller = await t.bus()
    const handled: string[] = []
    for (let member = 0; member < 3; member++) {
      await (await t.bus()).respond(Quote, { group: 'pricing' }, ({ input }) => {
        handled.push(input.sku)
        return answer(input.sku)
      })
    }
    const skus = ids('sku', 30)
    await t.within(Promise.all(skus.map(sku => caller.request(Quote, { sku }))), 'every answer')
    await t.within(caller.request(Quote, { sku: 'last' }), 'the last answer')

    assert.deepEqual(sorted(handled), sorted([...skus, 'last']))
    assert.equal(caller.stats.requests.lateReplies, 0)
  },
}

const concurrency: ConformanceCase = {
  id: 'requests.concurrency@1',
  title: 'A responder never handles more requests at a time than it said',
  requires: ['request.reply'],
  covers: [53, 89],
  run: async t => {
    const caller = await t.bus()
    const responder = await t.bus()
    let running = 0
    let peak = 0
    const open: (() => void)[] = []
    await responder.respond(Quote, { group: 'pricing', concurrency: 3 }, async ({ input }) => {
      peak = Math.max(peak, ++running)
      await new Promise<void>(resolve => open.push(resolve))
      running--
      return answer(input.sku)
    })
    const answers = Promise.all(ids('sku', 12).map(sku => caller.request(Quote, { sku })))
    for (let finished = 0; finished < 12; finished++) {
      await t.until(() => open.length > 0, 'a request to be handled')
      open.shift()?.()
    }
    await t.within(answers, 'every answer')
    assert.equal(peak, 3)
  },
}

const apart: ConformanceCase = {
  id: 'requests.apart-from-events@1',
  title: 'Requests and events of one topic do not meet',
  requires: ['request.reply', 'subscribe.group'],
  covers: [53, 51],
  run: async t => {
    const bus = await t.bus()
    const asked: string[] = []
    const seen = witness(t)
    await bus.subscribe('pricing', { group: 'pricing' }, seen.handle)
    await bus.respond(Quote, { group: 'pricing' }, ({ input }) => {
      asked.push(input.sku)
      return answer(input.sku)
    })
    await bus.publish('pricing', item('event'))
    await t.within(bus.request(Quote, { sku: 'a' }), 'the answer')
    await bus.publish('pricing', item('last'))
    await t.until(() => seen.starts('last') === 1, 'the last event')
    await t.within(bus.request(Quote, { sku: 'b' }), 'the last answer')

    assert.deepEqual(sorted(seen.ids), ['event', 'last'])
    assert.deepEqual(asked, ['a', 'b'])
  },
}

const metadata: ConformanceCase = {
  id: 'requests.carries-event@1',
  title: 'A responder sees the whole event of the request: type, source, attributes, data and headers',
  requires: ['request.reply'],
  covers: [53, 1],
  run: async t => {
    const caller = await t.bus({ source: '/shop' })
    const responder = await t.bus()
    const events: unknown[] = []
    await responder.respond(Quote, { group: 'pricing' }, ({ input, event, headers, topic, group }) => {
      events.push({
        type: event.type,
        source: event.source,
        subject: event.subject,
        data: event.data,
        headers,
        topic,
        group,
      })
      return answer(input.sku)
    })
    const options = { attributes: { subject: 'ü' }, headers: [['x-tenant', 'acme']] as const }
    await t.within(caller.request(Quote, { sku: 'a' }, options), 'the answer')

    assert.deepEqual(events, [
      {
        type: 'com.example.pricing.quote',
        source: '/shop',
        subject: 'ü',
        data: { sku: 'a' },
        headers: [['x-tenant', 'acme']],
        topic: 'pricing',
        group: 'pricing',
      },
    ])
  },
}

export const answerCases = [correlates, twoCallers, oneMember, concurrency, apart, metadata]
