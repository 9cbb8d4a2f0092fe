import assert from 'node:assert/strict'
import { request } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { rejection } from '../support/rejection.ts'
import { fields, schema } from '../support/standard-schema.ts'
import { answer, Quote } from './quote.ts'

const declared: ConformanceCase = {
  id: 'requests.declared-failure@1',
  title: 'A declared failure reaches the caller by its name and with its data',
  requires: ['request.reply'],
  covers: [56],
  run: async t => {
    const bus = await t.bus()
    await bus.respond(Quote, { group: 'pricing' }, ({ input, fail }) => fail('NOT_FOUND', { sku: input.sku }))
    const error = await t.within(rejection(bus.request(Quote, { sku: 'x' }), 'REQUEST_FAILED'), 'the failure')

    assert.ok(Quote.isFailure(error, 'NOT_FOUND'), 'the failure lost its name')
    assert.deepEqual(error.data, { sku: 'x' })
    assert.equal(bus.stats.requests.pending, 0)
  },
}

const remote: ConformanceCase = {
  id: 'requests.remote-failure@1',
  title: 'A responder that throws fails the request, typed, without a second try and without a dead letter',
  requires: ['request.reply'],
  covers: [56],
  permutations: [{ name: 'throws' }, { name: 'rejects' }],
  run: async (t, { name }) => {
    const caller = await t.bus()
    const responder = await t.bus()
    let calls = 0
    // An event group of the same name, whose dead letters can be looked at.
    await responder.subscribe('pricing', { group: 'pricing' }, () => {})
    await responder.respond(Quote, { group: 'pricing' }, ({ input }) => {
      if (input.sku === 'fine') return answer('fine')
      calls++
      const error = new TypeError('the database said no')
      if (name === 'throws') throw error
      return Promise.reject(error)
    })
    await t.within(rejection(caller.request(Quote, { sku: 'x' }), 'REMOTE_FAILURE'), 'the failure')
    assert.deepEqual(
      await t.within(caller.request(Quote, { sku: 'fine' }), 'the next answer'),
      answer('fine'),
    )
    assert.equal(calls, 1)
    assert.deepEqual(await responder.deadLetters('pricing', 'pricing').list(), [])
  },
}

const badInput: ConformanceCase = {
  id: 'requests.bad-input@1',
  title: 'A request whose input breaks its schema is refused before it is sent, naming the field',
  requires: ['request.reply'],
  covers: [56],
  run: async t => {
    const bus = await t.bus()
    let calls = 0
    await bus.respond(Quote, { group: 'pricing' }, ({ input }) => {
      calls++
      return answer(input.sku)
    })
    const bad = { sku: 7 } as unknown as { sku: string }
    const error = await rejection(bus.request(Quote, bad), 'SCHEMA_VIOLATION')
    await t.within(bus.request(Quote, { sku: 'fine' }), 'the answer to a good one')

    assert.match(error.field ?? '', /sku/)
    assert.equal(calls, 1)
  },
}

const badOutput: ConformanceCase = {
  id: 'requests.bad-output@1',
  title: 'An answer that breaks its schema fails the request at once and is not handed to the caller',
  requires: ['request.reply'],
  covers: [56],
  run: async t => {
    const bus = await t.bus()
    await bus.respond(
      Quote,
      { group: 'pricing' },
      () => ({ sku: 'x' }) as unknown as { sku: string; cents: number },
    )
    const asked = bus.request(Quote, { sku: 'x' }, { timeout: 3_000_000 })
    await t.within(rejection(asked, 'INVALID_REPLY', 'REMOTE_FAILURE'), 'the failure', 15_000)
    assert.equal(bus.stats.requests.pending, 0)
  },
}

const Lax = request('com.example.pricing.quote', {
  topic: 'pricing',
  input: fields<{ sku: string }>({ sku: 'string' }),
  output: schema<unknown>(value => ({ value })),
})

const strangeReply: ConformanceCase = {
  id: 'requests.strange-reply@1',
  title:
    'An answer that a responder of another version gave, and the caller does not understand, fails typed',
  requires: ['request.reply'],
  covers: [56],
  run: async t => {
    const bus = await t.bus()
    await bus.respond(Lax, { group: 'pricing' }, () => ({ price: 'free' }))
    const asked = bus.request(Quote, { sku: 'x' }, { timeout: 3_000_000 })
    await t.within(rejection(asked, 'INVALID_REPLY'), 'the failure', 15_000)
  },
}

const nobody: ConformanceCase = {
  id: 'requests.nobody@1',
  title: 'A request that nobody can answer fails at once, not by its timeout',
  requires: ['request.reply', 'request.no-responder'],
  covers: [54],
  run: async t => {
    const bus = await t.bus()
    const asked = bus.request(Quote, { sku: 'x' }, { timeout: 3_000_000 })
    await t.within(rejection(asked, 'NO_RESPONDER'), 'the failure', 10_000)
    assert.equal(bus.stats.requests.pending, 0)
  },
}

export const failureCases = [declared, remote, badInput, badOutput, strangeReply, nobody]
