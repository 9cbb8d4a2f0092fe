import assert from 'node:assert/strict'
import { RetryAfter, type RetryPolicyInput } from '@busbar/core'
import { systemClock } from '@busbar/core/time'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered, settled } from '../support/dead.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { after } from '../support/retries.ts'
import { failing, type Witness, witness } from '../support/witness.ts'

type Backoff = NonNullable<RetryPolicyInput['backoff']>

/** Milliseconds between the starts of one event's handler. */
function waits(seen: Witness, id: string): number[] {
  const starts = seen.times.filter((_, n) => seen.ids[n] === id)
  return starts.slice(1).map((at, n) => at - (starts[n] ?? at))
}

function assertNeverEarly(actual: readonly number[], promised: readonly number[]): void {
  assert.equal(actual.length, promised.length)
  for (const [n, wait] of actual.entries()) {
    assert.ok(wait >= (promised[n] ?? 0), `retry ${n + 1} came after ${wait} ms, promised ${promised[n]} ms`)
  }
}

const backoffs: readonly { readonly name: string; readonly backoff: Backoff; readonly waits: number[] }[] = [
  { name: 'fixed', backoff: { kind: 'fixed', delay: 200, jitter: 'none' }, waits: [200, 200, 200] },
  {
    name: 'linear',
    backoff: { kind: 'linear', initial: 100, increment: 100, jitter: 'none' },
    waits: [100, 200, 300],
  },
  {
    name: 'exponential',
    backoff: { kind: 'exponential', initial: 100, factor: 2, max: 250, jitter: 'none' },
    waits: [100, 200, 250],
  },
  {
    name: 'ladder',
    backoff: { kind: 'ladder', delays: [50, 300], jitter: 'none' },
    waits: [50, 300, 300],
  },
]

const backoffWaits: ConformanceCase = {
  id: 'retry.backoff@1',
  title: 'Each retry waits for its backoff and never comes early',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [59, 61],
  permutations: backoffs,
  run: async (t, { backoff, waits: promised }) => {
    const bus = await t.bus()
    const seen = failing(t, 3)
    await bus.subscribe(
      'jobs',
      { group: 'g', retry: { attempts: 4, backoff: backoff as Backoff } },
      seen.handle,
    )
    await bus.publish('jobs', item('late'))
    await t.until(() => seen.starts('late') === 4, 'the last attempt')
    assertNeverEarly(waits(seen, 'late'), promised as number[])
  },
}

const retryAfter: ConformanceCase = {
  id: 'retry.retry-after@1',
  title: 'A handler that throws RetryAfter sets the wait itself, shorter or longer than the policy says',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [61],
  permutations: [
    { name: 'shorter', policy: 3_000_000, asked: 300 },
    { name: 'longer', policy: 1, asked: 400 },
  ],
  run: async (t, { policy, asked }) => {
    const bus = await t.bus()
    const seen = witness(t, d => {
      if (d.attempt === 1) throw new RetryAfter(asked as number)
    })
    await bus.subscribe('jobs', { group: 'g', retry: after(3, policy as number) }, seen.handle)
    await bus.publish('jobs', item('asked'))
    await t.until(() => seen.starts('asked') === 2, 'the second attempt', 15_000)
    assertNeverEarly(waits(seen, 'asked'), [asked as number])
    assert.equal(seen.deliveries[1]?.attempt, 2)
  },
}

const doesNotBlock: ConformanceCase = {
  id: 'retry.does-not-block@1',
  title: 'Events that wait for their backoff hold up nobody, not even a group that handles one at a time',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [60],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t, d => {
      if (d.event.id.startsWith('failing') && d.attempt === 1) throw new Error('for now')
    })
    const options = { group: 'g', concurrency: 1, prefetch: 1, retry: after(2, 2_500) }
    await bus.subscribe('jobs', options, seen.handle)
    const waiting = ids('failing', 10)
    await publishItems(bus, 'jobs', waiting)
    await bus.publish('jobs', item('fine'))
    await t.until(() => waiting.every(id => seen.starts(id) === 2), 'every event to be retried')

    const firstRetry = seen.deliveries.findIndex(d => d.attempt === 2)
    assert.equal(seen.starts('fine'), 1)
    assert.ok(
      seen.ids.indexOf('fine') < firstRetry,
      'the event behind waited for the backoff of those before it',
    )
  },
}

const maxElapsed: ConformanceCase = {
  id: 'retry.max-elapsed@1',
  title: 'An event that has been failing for longer than allowed is dead-lettered with attempts left',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  covers: [58],
  run: async t => {
    const bus = await t.bus()
    const seen = failing(t, Number.POSITIVE_INFINITY)
    const retry = { ...after(1_000, 200), maxElapsed: 700 }
    await bus.subscribe('jobs', { group: 'g', retry }, seen.handle)
    await bus.publish('jobs', item('slow'))
    const [letter] = await deadLettered(t, bus, 'jobs', 'g')

    assert.equal(letter?.reason, 'elapsed')
    assert.equal(letter?.attempts, seen.deliveries.length)
    assert.ok(seen.deliveries.length > 1, 'it was not retried at all')
    assert.ok(
      seen.deliveries.length < 6,
      `${seen.deliveries.length} attempts fit into 700 ms of 200 ms waits`,
    )
  },
}

const delayed: ConformanceCase = {
  id: 'retry.delayed-publish@1',
  title: 'An event published with a delay, or for a time, never comes early, and those behind it do not wait',
  requires: ['subscribe.group', 'publish.delay'],
  covers: [61],
  permutations: [{ name: 'delay' }, { name: 'notBefore' }],
  run: async (t, { name }) => {
    const bus = await t.bus()
    const seen = witness(t)
    const subscription = await bus.subscribe('jobs', { group: 'g', concurrency: 1, prefetch: 1 }, seen.handle)
    const due = t.clock.now() + 600
    await bus.publish('jobs', item('later'), name === 'delay' ? { delay: 600 } : { notBefore: new Date(due) })
    await bus.publish('jobs', item('now'))
    await t.until(() => seen.starts('later') > 0, 'the delayed event')
    await settled(t, subscription)

    assert.deepEqual(seen.ids, ['now', 'later'])
    const at = seen.times[1] ?? 0
    assert.ok(at >= due, `due in 600 ms, handled ${due - at} ms early`)
    assert.equal(seen.deliveries[1]?.attempt, 1)
  },
}

const pastIsNow: ConformanceCase = {
  id: 'retry.past-is-now@1',
  title: 'An event published for a time that is past is handled at once',
  requires: ['subscribe.group', 'publish.delay'],
  covers: [61],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t)
    await bus.subscribe('jobs', { group: 'g' }, seen.handle)
    const yesterday = new Date(t.clock.now() - 86_400_000)
    await t.within(bus.publish('jobs', item('past'), { notBefore: yesterday }), 'the confirmation')
    await t.within(bus.publish('jobs', item('zero'), { delay: 0 }), 'the confirmation')
    await t.until(() => seen.deliveries.length >= 2, 'both events', 10_000)
    assert.deepEqual([...seen.ids].sort(), ['past', 'zero'])
  },
}

/** Above every cap that a broker is known to have (SQS: 15 minutes). */
const LONG = 25 * 60_000

const longDelay: ConformanceCase = {
  id: 'retry.long-delay@1',
  title: 'A delay longer than the broker’s own limit is kept all the same, for publishes and for retries',
  requires: ['subscribe.group', 'publish.delay', 'retry.durable'],
  covers: [61],
  run: async t => {
    const bus = await t.bus()
    const seen = witness(t, d => {
      if (d.event.id === 'retried' && d.attempt === 1) throw new RetryAfter(LONG)
    })
    await bus.subscribe('jobs', { group: 'g' }, seen.handle)
    const began = t.clock.now()
    await bus.publish('jobs', item('delayed'), { delay: LONG })
    await bus.publish('jobs', item('retried'))
    await t.until(() => seen.starts('retried') === 1, 'the first attempt')
    if (t.clock === systemClock) {
      // Nobody waits that long in real time: that it does not come at once is all that can be seen.
      await t.pass(3_000)
      assert.deepEqual(seen.ids, ['retried'])
      return
    }
    await t.until(() => seen.deliveries.length === 3, 'the delayed event and the retry', 2 * LONG)
    for (const at of seen.times.slice(1)) {
      assert.ok(at - began >= LONG, `due after 25 minutes, handled after ${(at - began) / 60_000}`)
    }
  },
}

export const delayCases = [backoffWaits, retryAfter, doesNotBlock, maxElapsed, delayed, pastIsNow, longDelay]
