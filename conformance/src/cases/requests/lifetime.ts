import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { gate } from '../support/gate.ts'
import { rejection } from '../support/rejection.ts'
import { answer, Quote } from './quote.ts'

const timesOut: ConformanceCase = {
  id: 'requests.timeout@1',
  title: 'A request without an answer fails at its timeout, not before, and leaves nothing behind',
  requires: ['request.reply'],
  covers: [54],
  run: async t => {
    const caller = await t.bus()
    const responder = await t.bus()
    const never = gate()
    await responder.respond(Quote, { group: 'pricing' }, async ({ input }) => {
      if (input.sku === 'slow') await never.passed()
      return answer(input.sku)
    })
    const began = t.clock.now()
    await t.within(
      rejection(caller.request(Quote, { sku: 'slow' }, { timeout: 400 }), 'REQUEST_TIMEOUT'),
      'timeout',
    )
    const waited = t.clock.now() - began

    assert.ok(waited >= 400, `it gave up after ${waited} ms`)
    assert.equal(caller.stats.requests.timedOut, 1)
    assert.equal(caller.stats.requests.pending, 0)
    assert.deepEqual(
      await t.within(caller.request(Quote, { sku: 'next' }), 'the next answer'),
      answer('next'),
    )
    never.open()
  },
}

const lateReply: ConformanceCase = {
  id: 'requests.late-reply@1',
  title:
    'An answer to a request that its caller has given up is dropped and counted, and answers no other request',
  requires: ['request.reply'],
  covers: [55],
  run: async t => {
    const caller = await t.bus()
    const responder = await t.bus()
    const first = gate()
    const second = gate()
    const handled: string[] = []
    await responder.respond(Quote, { group: 'pricing' }, async ({ input }) => {
      handled.push(input.sku)
      await (input.sku === 'given-up' ? first : second).passed()
      return answer(input.sku)
    })
    const controller = new AbortController()
    const asked = caller.request(Quote, { sku: 'given-up' }, { timeout: 60_000, signal: controller.signal })
    const given = rejection(asked, 'ABORTED')
    await t.until(() => handled.length === 1, 'the request to arrive')
    controller.abort()
    await t.within(given, 'the request to be given up')
    const next = caller.request(Quote, { sku: 'next' }, { timeout: 60_000 })
    first.open()
    await t.until(() => caller.stats.requests.lateReplies === 1, 'the late answer to be counted', 10_000)
    second.open()

    assert.deepEqual(await t.within(next, 'the next answer'), answer('next'))
    assert.equal(caller.stats.requests.lateReplies, 1)
  },
}

const expires: ConformanceCase = {
  id: 'requests.expires@1',
  title: 'A request whose caller has given up is not handled any more',
  requires: ['request.reply'],
  covers: [54, 117],
  run: async t => {
    const caller = await t.bus()
    const responder = await t.bus()
    const busy = gate()
    const handled: string[] = []
    await responder.respond(Quote, { group: 'pricing', concurrency: 1 }, async ({ input }) => {
      handled.push(input.sku)
      if (input.sku === 'long') await busy.passed()
      return answer(input.sku)
    })
    const long = caller.request(Quote, { sku: 'long' }, { timeout: 60_000 })
    await t.until(() => handled.length === 1, 'the responder to be busy')
    const given = rejection(caller.request(Quote, { sku: 'given-up' }, { timeout: 300 }), 'REQUEST_TIMEOUT')
    await t.within(given, 'the timeout')
    busy.open()
    await t.within(long, 'the long answer')
    await t.within(caller.request(Quote, { sku: 'last' }), 'the last answer')
    assert.deepEqual(handled, ['long', 'last'])
  },
}

const deadlineSignal: ConformanceCase = {
  id: 'requests.deadline-signal@1',
  title: 'A responder is told when its caller has given up',
  requires: ['request.reply'],
  covers: [54, 99],
  run: async t => {
    const caller = await t.bus()
    const responder = await t.bus()
    let toldAt: number | undefined
    await responder.respond(Quote, { group: 'pricing' }, async ({ input, signal }) => {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
      toldAt = t.clock.now()
      return answer(input.sku)
    })
    const began = t.clock.now()
    const asked = rejection(caller.request(Quote, { sku: 'a' }, { timeout: 400 }), 'REQUEST_TIMEOUT')
    await t.within(asked, 'the timeout')
    await t.until(() => toldAt !== undefined, 'the responder to be told', 10_000)
    assert.ok((toldAt ?? 0) - began >= 390, 'it was told too early')
  },
}

const aborts: ConformanceCase = {
  id: 'requests.abort@1',
  title: 'A request can be given up by its caller, before it is sent or while it waits',
  requires: ['request.reply'],
  covers: [99],
  run: async t => {
    const bus = await t.bus()
    const handled: string[] = []
    const never = gate()
    await bus.respond(Quote, { group: 'pricing' }, async ({ input, signal }) => {
      handled.push(input.sku)
      if (input.sku === 'waits') await never.passed(signal)
      return answer(input.sku)
    })
    await rejection(bus.request(Quote, { sku: 'never-sent' }, { signal: AbortSignal.abort() }), 'ABORTED')
    const controller = new AbortController()
    const waits = rejection(bus.request(Quote, { sku: 'waits' }, { signal: controller.signal }), 'ABORTED')
    await t.until(() => handled.length === 1, 'the request to arrive')
    controller.abort()
    await t.within(waits, 'the request to be given up', 5_000)

    assert.equal(bus.stats.requests.pending, 0)
    never.open()
    await t.within(bus.request(Quote, { sku: 'last' }), 'the last answer')
    assert.deepEqual(handled, ['waits', 'last'])
  },
}

const linkDrops: ConformanceCase = {
  id: 'requests.link-drops@1',
  title: 'A request in flight when the link breaks fails instead of hanging, and later ones are answered',
  requires: ['request.reply'],
  faults: ['cut', 'heal'],
  covers: [57],
  permutations: [{ name: 'caller' }, { name: 'responder' }],
  run: async (t, { name }) => {
    const caller = await t.bus({ client: 'caller' })
    const responder = await t.bus({ client: 'responder' })
    const hold = gate()
    let arrived = 0
    await responder.respond(Quote, { group: 'pricing' }, async ({ input, signal }) => {
      arrived++
      if (input.sku === 'broken') await hold.passed(signal)
      return answer(input.sku)
    })
    const asked = caller.request(Quote, { sku: 'broken' }, { timeout: 3_000 })
    const failed = rejection(asked, 'CONNECTION_LOST', 'REQUEST_TIMEOUT')
    await t.until(() => arrived === 1, 'the request to arrive')
    await t.faults.cut(name)
    await t.within(failed, 'the request to fail', 10_000)
    await t.faults.heal(name)
    await t.until(
      () => caller.health.status === 'live' && responder.health.status === 'live',
      'both to be back',
    )

    assert.deepEqual(
      await t.within(caller.request(Quote, { sku: 'next' }), 'the next answer'),
      answer('next'),
    )
    assert.equal(caller.stats.requests.pending, 0)
    hold.open()
  },
}

const responderDies: ConformanceCase = {
  id: 'requests.at-most-once@1',
  title: 'A request whose responder is killed is not handed to another one',
  requires: ['request.reply'],
  faults: ['crash'],
  covers: [54, 57],
  run: async t => {
    const caller = await t.bus({ client: 'caller' })
    const victim = await t.bus({ client: 'victim' })
    const handled: string[] = []
    await victim.respond(Quote, { group: 'pricing' }, ({ input }) => {
      handled.push(`victim ${input.sku}`)
      return new Promise<never>(() => {})
    })
    const asked = rejection(caller.request(Quote, { sku: 'a' }, { timeout: 2_000 }), 'REQUEST_TIMEOUT')
    await t.until(() => handled.length === 1, 'the request to arrive')
    await t.faults.crash('victim')
    const heir = await t.bus({ client: 'heir' })
    await heir.respond(Quote, { group: 'pricing' }, ({ input }) => {
      handled.push(`heir ${input.sku}`)
      return answer(input.sku)
    })
    await t.within(asked, 'the timeout')
    await t.within(caller.request(Quote, { sku: 'b' }), 'the next answer')
    assert.deepEqual(handled, ['victim a', 'heir b'])
  },
}

export const lifetimeCases = [timesOut, lateReply, expires, deadlineSignal, aborts, linkDrops, responderDies]
