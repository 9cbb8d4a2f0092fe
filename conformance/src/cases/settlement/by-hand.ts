import assert from 'node:assert/strict'
import type { ManualSettlement } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { idOf, ids, item, publishItems } from '../support/items.ts'
import { emptied, quiet } from '../support/quiet.ts'
import { reader } from '../support/reader.ts'
import { recorder } from '../support/recorder.ts'
import { atOnce } from '../support/retries.ts'

const unackedAtClose: ConformanceCase = {
  id: 'settlement.unacked-at-close@1',
  title: 'What is unsettled when a member closes goes to the next one, and what was acked does not',
  requires: ['subscribe.group'],
  covers: [15],
  permutations: [
    { name: 'close-stream', end: 'stream' },
    { name: 'leave-loop', end: 'loop' },
    { name: 'close-bus', end: 'bus' },
  ],
  async run(t, { end }) {
    const publisher = await t.bus()
    const bus = await t.bus()
    const stream = bus.stream('orders', { group: 'billing', prefetch: 10 })
    await t.within(stream.ready(), 'the stream to be ready')
    const names = ids('order', 6)
    await publishItems(publisher, 'orders', names)
    const taken: string[] = []
    const loop = async () => {
      for await (const delivery of stream) {
        taken.push(idOf(delivery))
        if (taken.length <= 2) await delivery.ack()
        if (taken.length === 4) break
      }
    }
    if (end === 'loop') await t.within(loop(), 'four events')
    else {
      const events = await (await reader(t, stream)).take(4)
      taken.push(...events.map(idOf))
      for (const delivery of events.slice(0, 2)) await t.within(delivery.ack(), 'the ack')
      await t.within(end === 'bus' ? bus.close() : stream.close(), 'the close')
    }

    const next = await t.bus()
    const seen = recorder()
    const subscription = await next.subscribe('orders', { group: 'billing' }, seen.handler)
    const left = names.filter(id => !taken.slice(0, 2).includes(id))
    await t.until(() => seen.done.length >= left.length, 'what was left')
    await quiet(t, publisher, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(left)
  },
}

const settlingTwice: ConformanceCase = {
  id: 'settlement.first-settlement-counts@1',
  title:
    'The first settlement counts: a second ack, or anything after an ack, does nothing and harms nothing',
  requires: ['subscribe.group', 'stats.backlog'],
  covers: [16],
  permutations: [
    { name: 'ack', again: (d: ManualSettlement) => d.ack() },
    { name: 'retry', again: (d: ManualSettlement) => d.retry({ delay: 0 }) },
    { name: 'dead-letter', again: (d: ManualSettlement) => d.deadLetter('too late') },
    { name: 'release', again: (d: ManualSettlement) => d.release() },
  ],
  async run(t, { again }) {
    const bus = await t.bus()
    const events = await reader(t, bus.stream('orders', { group: 'billing' }))
    await publishItems(bus, 'orders', ['a', 'b'])
    for (const delivery of await events.take(2)) {
      const first = delivery.ack()
      const second = (again as (d: ManualSettlement) => Promise<void>)(delivery)
      await t.within(Promise.allSettled([first, second]), 'both settlements')
      await first
      await t.within(
        Promise.allSettled([(again as (d: ManualSettlement) => Promise<void>)(delivery)]),
        'a third',
      )
    }
    await emptied(t, bus, 'orders', 'billing')
    await bus.publish('orders', item('c'))
    assert.equal(idOf(await events.next()), 'c', 'a settled event came back')
    assert.deepEqual(await bus.deadLetters('orders', 'billing').list(), [])
  },
}

const release: ConformanceCase = {
  id: 'settlement.release@1',
  title:
    'A released event comes again at once, to whichever member is free, without having counted as an attempt',
  requires: ['settle.release', 'subscribe.group'],
  covers: [17],
  async run(t) {
    const bus = await t.bus()
    const events = await reader(t, bus.stream('orders', { group: 'billing', retry: atOnce(2) }))
    await bus.publish('orders', item('a'))
    for (let round = 0; round < 4; round++) {
      const delivery = await events.next()
      assert.equal(delivery.event.id, 'a')
      if (t.capabilities.of['retry.exact-attempts'].support !== 'unsupported') {
        assert.equal(delivery.attempt, 1, `round ${round}`)
      }
      await t.within(delivery.release(), 'the release')
    }
    const delivery = await events.next()
    await t.within(delivery.ack(), 'the ack')
    assert.deepEqual(await bus.deadLetters('orders', 'billing').list(), [])
  },
}

const retryByHand: ConformanceCase = {
  id: 'settlement.retry-by-hand@1',
  title: 'A retry by hand comes back no earlier than its delay, counted as an attempt',
  requires: ['subscribe.group'],
  covers: [12, 18],
  async run(t) {
    const bus = await t.bus()
    const events = await reader(t, bus.stream('orders', { group: 'billing' }))
    await bus.publish('orders', item('a'))
    const first = await events.next()
    const retriedAt = t.clock.now()
    await t.within(first.retry({ delay: 300 }), 'the retry to be taken over')
    const second = await events.next()
    assert.ok(t.clock.now() >= retriedAt + 300, `came back after ${t.clock.now() - retriedAt} ms`)
    assert.equal(second.event.id, 'a')
    assert.equal(second.attempt, 2)
    await second.ack()
  },
}

const deadLetterByHand: ConformanceCase = {
  id: 'settlement.dead-letter-by-hand@1',
  title: 'A dead letter by hand is in the dead-letter queue with its reason, and does not come back',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [25],
  async run(t) {
    const bus = await t.bus()
    const events = await reader(t, bus.stream('orders', { group: 'billing' }))
    await publishItems(bus, 'orders', ['a', 'b'])
    const [first, second] = await events.take(2)
    assert.ok(first && second)
    await t.within(first.deadLetter('cannot be billed'), 'the dead letter')
    await t.within(second.ack(), 'the ack')
    await bus.publish('orders', item('c'))
    assert.equal(idOf(await events.next()), 'c')
    const [letter, ...more] = await bus.deadLetters('orders', 'billing').list()
    assert.deepEqual(more, [])
    assert.equal(letter?.event?.id, idOf(first))
    assert.match(letter?.error.message ?? '', /cannot be billed/)
  },
}

/** Acks everything but some, in the given order, and looks at what a next member gets. */
const gapSafe: ConformanceCase = {
  id: 'settlement.acks-never-skip@1',
  title: 'An ack settles its own event alone: what was not acked comes back, whatever was acked around it',
  requires: ['subscribe.group'],
  covers: [21, 22],
  permutations: [
    { name: 'in-order', order: (n: number) => n },
    { name: 'reversed', order: (n: number) => -n },
    { name: 'shuffled', order: (n: number) => (n * 7) % 20 },
  ],
  async run(t, { order }) {
    const rank = order as (n: number) => number
    const publisher = await t.bus()
    const bus = await t.bus()
    const stream = bus.stream('orders', { group: 'billing', prefetch: 20 })
    const events = await reader(t, stream)
    for (const id of ids('order', 20)) await publisher.publish('orders', item(id))
    const taken = (await events.take(20)).map((delivery, n) => ({ delivery, n }))
    const kept = new Set([0, 7, 13])
    for (const { delivery, n } of taken.toSorted((a, b) => rank(a.n) - rank(b.n))) {
      if (!kept.has(n)) await t.within(delivery.ack(), 'the ack')
    }
    await t.within(stream.close(), 'the stream to close')

    const seen = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    const left = taken.filter(({ n }) => kept.has(n)).map(({ delivery }) => idOf(delivery))
    await t.until(() => seen.done.length >= left.length, 'what was not acked')
    await quiet(t, publisher, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(left)
  },
}

const gapAtCrash: ConformanceCase = {
  id: 'settlement.unacked-at-crash@1',
  title:
    'What a member had not acked when it crashed is delivered to another, whatever it had acked after it',
  requires: ['subscribe.group'],
  faults: ['crash'],
  covers: [21, 42],
  async run(t) {
    const publisher = await t.bus()
    const bus = await t.bus({ client: 'victim' })
    const events = await reader(t, bus.stream('orders', { group: 'billing', prefetch: 20, lease: 2_000 }))
    await publishItems(publisher, 'orders', ids('order', 20))
    const taken = await events.take(20)
    const kept = taken.filter((_, n) => n % 5 === 0)
    for (const delivery of taken) if (!kept.includes(delivery)) await t.within(delivery.ack(), 'the ack')
    await t.faults.crash('victim')

    const next = await t.bus()
    const seen = recorder()
    await next.subscribe('orders', { group: 'billing' }, seen.handler)
    // An ack that had not reached the broker when the process died may bring others back too.
    await t.until(() => kept.every(delivery => seen.done.includes(idOf(delivery))), 'what was not acked')
  },
}

const lateAck: ConformanceCase = {
  id: 'settlement.late-ack-is-harmless@1',
  title:
    'An ack for a delivery that was taken away does not settle the delivery that another member has of it',
  requires: ['subscribe.group'],
  faults: ['cut', 'heal'],
  covers: [23],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const first = await t.bus({ client: 'first' })
    const options = { group: 'billing', lease: 2_000, retry: atOnce(10) } as const
    const stream = first.stream('orders', options)
    const early = await reader(t, stream).then(async events => {
      await publisher.publish('orders', item('a'))
      return events.next()
    })
    await t.faults.cut('first')

    const second = await t.bus({ client: 'second' })
    const events = await reader(t, second.stream('orders', options))
    const taken = await events.next()
    assert.equal(idOf(taken), 'a')
    await t.faults.heal('first')
    await t.within(Promise.allSettled([early.ack()]), 'the late ack to settle')
    await t.until(() => early.signal.aborted, 'the first member to be told that the delivery is gone')
    await t.within(stream.close(), 'the first member to leave')

    await t.within(taken.retry({ delay: 0 }), 'the retry')
    const again = await events.next()
    assert.equal(idOf(again), 'a')
    await t.within(again.ack(), 'the ack')
  },
}

export const manualSettlementCases: readonly ConformanceCase[] = [
  unackedAtClose,
  settlingTwice,
  release,
  retryByHand,
  deadLetterByHand,
  gapSafe,
  gapAtCrash,
  lateAck,
]
