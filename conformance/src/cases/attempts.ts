import assert from 'node:assert/strict'
import type { Bus, TypedDelivery } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../model/case.ts'
import { suspectCases } from './attempts/suspects.ts'
import { deadLettered } from './support/dead.ts'
import { ids, item, publishItems } from './support/items.ts'
import { quiet } from './support/quiet.ts'
import { type Recorder, recorder } from './support/recorder.ts'
import { after, atOnce, Failure } from './support/retries.ts'

const attemptsOf = (seen: Recorder, id: string): number[] =>
  seen.deliveries.filter(d => d.event.id === id).map(d => d.attempt)

const counter: ConformanceCase = {
  id: 'attempts.counted-from-one@1',
  title: 'Each start of a handler for an event has the next number, from 1, whatever happens to the others',
  requires: ['subscribe.group'],
  covers: [18],
  permutations: [
    { name: 'at-once', delay: 0 },
    { name: 'after-a-delay', delay: 200 },
  ],
  async run(t, { delay }) {
    const bus = await t.bus()
    const failuresOf = (delivery: TypedDelivery) => Number(delivery.event.id.slice(-1))
    const seen = recorder((delivery, start) => {
      if (start <= failuresOf(delivery)) throw new Failure('not yet')
    })
    const retry = after(5, Number(delay))
    const subscription = await bus.subscribe('orders', { group: 'billing', retry }, seen.handler)
    const names = ids('fails', 5)
    await publishItems(bus, 'orders', names)
    await t.until(() => seen.done.length >= names.length, 'all to be handled')
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    for (const [failures, id] of names.entries()) {
      assert.deepEqual(
        attemptsOf(seen, id),
        Array.from({ length: failures + 1 }, (_, n) => n + 1),
        id,
      )
    }
    for (const { event, attempt, redelivered } of seen.deliveries) {
      assert.equal(
        redelivered,
        attempt > 1,
        `attempt ${attempt} of ${event.id} is called redelivered: ${redelivered}`,
      )
    }
    assert.equal(subscription.stats.deadLettered, 0)
  },
}

const limit: ConformanceCase = {
  id: 'attempts.limit@1',
  title:
    'An event that keeps failing has as many handler starts as the policy says, then is dead-lettered once',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [18, 58, 64],
  permutations: [
    { name: 'one', attempts: 1 },
    { name: 'three', attempts: 3 },
  ],
  async run(t, { attempts }) {
    const bus = await t.bus()
    const seen = recorder(() => {
      throw new Failure('always')
    })
    const retry = atOnce(Number(attempts))
    const subscription = await bus.subscribe('orders', { group: 'billing', retry }, seen.handler)
    await bus.publish('orders', item('a'))
    await t.until(() => subscription.stats.deadLettered === 1, 'the event to be dead-lettered')
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    assert.equal(seen.starts('a'), attempts)
    const letters = await deadLettered(t, bus, 'orders', 'billing')
    assert.deepEqual(
      letters.map(l => [l.event?.id, l.reason, l.attempts]),
      [['a', 'attempts-exhausted', attempts]],
    )
  },
}

/** Two failures at a first member, its end by `end`, then a second member: the count goes on. */
async function countGoesOn(t: CaseContext, end: (first: Bus) => Promise<void>): Promise<void> {
  const publisher = await t.bus({ client: 'publisher' })
  const first = await t.bus({ client: 'first' })
  const fails = () => {
    throw new Failure('not here')
  }
  const before = recorder(fails)
  const options = { group: 'billing', retry: after(4, 400) }
  const subscription = await first.subscribe('orders', options, before.handler)
  await publisher.publish('orders', item('a'))
  await t.until(
    () => before.starts('a') === 2 && subscription.stats.retried === 2 && subscription.stats.held === 0,
    'two recorded failures',
  )
  await t.until(
    async () => (await publisher.queueStats('orders', 'billing')).delayed !== 0,
    'the second retry to be stored',
  )
  await end(first)

  const second = await t.bus({ client: 'second' })
  const afterwards = recorder(fails)
  const next = await second.subscribe('orders', options, afterwards.handler)
  await t.until(() => next.stats.deadLettered === 1, 'the event to run out of attempts')
  await quiet(t, publisher, 'orders', [{ recorder: afterwards, subscription: next }])
  assert.deepEqual(attemptsOf(before, 'a'), [1, 2])
  assert.deepEqual(attemptsOf(afterwards, 'a'), [3, 4])
  const [letter] = await deadLettered(t, second, 'orders', 'billing')
  assert.equal(letter?.attempts, 4)
}

const survivesMember: ConformanceCase = {
  id: 'attempts.survive-close@1',
  title: 'The count goes on at the next member when the first one has closed',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [19],
  run: t => countGoesOn(t, first => t.within(first.close(), 'the first member to close')),
}

const survivesCrash: ConformanceCase = {
  id: 'attempts.survive-crash@1',
  title: 'The count goes on at the next member when the first one has crashed',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  faults: ['crash'],
  covers: [19, 42],
  run: t => countGoesOn(t, () => t.faults.crash('first')),
}

const survivesRestart: ConformanceCase = {
  id: 'attempts.survive-broker-restart@1',
  title: 'The count goes on when the broker has been restarted while the event was waiting for its retry',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  faults: ['restart-broker'],
  covers: [19, 105],
  async run(t) {
    const bus = await t.bus()
    const seen = recorder(() => {
      throw new Failure('always')
    })
    const subscription = await bus.subscribe(
      'orders',
      { group: 'billing', retry: after(4, 400) },
      seen.handler,
    )
    await bus.publish('orders', item('a'))
    await t.until(
      () => subscription.stats.retried === 2 && subscription.stats.held === 0,
      'two recorded failures',
    )
    await t.faults.restartBroker()
    const [letter] = await deadLettered(t, bus, 'orders', 'billing')
    assert.equal(letter?.attempts, 4)
    assert.deepEqual(attemptsOf(seen, 'a'), [1, 2, 3, 4])
  },
}

const checkedBeforeStart: ConformanceCase = {
  id: 'attempts.limit-checked-before-start@1',
  title: 'An event that already used up the attempts of the policy is dead-lettered without another start',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [18, 19],
  async run(t) {
    const bus = await t.bus()
    const before = recorder(() => {
      throw new Failure('always')
    })
    const generous = { group: 'billing', retry: after(10, 300) }
    const subscription = await bus.subscribe('orders', generous, before.handler)
    await bus.publish('orders', item('a'))
    await t.until(() => subscription.stats.retried === 2, 'two recorded failures')
    await t.within(subscription.close(), 'the member to close')

    const afterwards = recorder()
    const strict = { group: 'billing', retry: after(2, 300) }
    const next = await bus.subscribe('orders', strict, afterwards.handler)
    await t.until(() => next.stats.deadLettered === 1, 'the event to be dead-lettered')
    await quiet(t, bus, 'orders', [{ recorder: afterwards, subscription: next }])
    afterwards.assertExactly([])
    const [letter] = await deadLettered(t, bus, 'orders', 'billing')
    assert.equal(letter?.reason, 'attempts-exhausted')
    assert.equal(letter?.attempts, 2)
  },
}

const closeIsNotCharged: ConformanceCase = {
  id: 'attempts.close-is-not-charged@1',
  title:
    'Events that were held, or whose handler was aborted, when a member closed are not charged an attempt',
  requires: ['subscribe.group', 'settle.release', 'retry.exact-attempts'],
  covers: [18, 68, 102],
  async run(t) {
    const publisher = await t.bus()
    const names = ids('order', 6)
    await (await t.bus()).subscribe('orders', { group: 'billing' }, () => {}).then(s => s.close())
    await publishItems(publisher, 'orders', names)
    for (let round = 0; round < 3; round++) {
      const bus = await t.bus()
      const held = recorder(
        d => new Promise((_, reject) => d.signal.addEventListener('abort', () => reject(d.signal.reason))),
      )
      const options = { group: 'billing', concurrency: 2, prefetch: 6, retry: atOnce(10) }
      const member = await bus.subscribe('orders', options, held.handler)
      await t.until(() => held.running === 2 && member.stats.held === 6, 'two running, four waiting')
      assert.ok(held.deliveries.every(d => d.attempt === 1))
      await t.within(bus.close(), 'the member to close')
    }
    const bus = await t.bus()
    const seen = recorder()
    await bus.subscribe('orders', { group: 'billing', retry: atOnce(10) }, seen.handler)
    await t.until(() => seen.done.length >= names.length, 'every event')
    seen.assertExactly(names)
    assert.ok(
      seen.deliveries.every(d => d.attempt === 1),
      'a close was charged as an attempt',
    )
    assert.deepEqual(await bus.deadLetters('orders', 'billing').list(), [])
  },
}

export const attemptsCases: readonly ConformanceCase[] = [
  counter,
  limit,
  survivesMember,
  survivesCrash,
  survivesRestart,
  checkedBeforeStart,
  closeIsNotCharged,
  ...suspectCases,
]
