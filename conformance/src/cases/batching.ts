import assert from 'node:assert/strict'
import { type BatchEntry, isBusError } from '@busbar/core'
import type { ConformanceCase } from '../model/case.ts'
import { batchHandlerCases } from './batching/handlers.ts'
import { ids, item, publishItems } from './support/items.ts'
import { emptied, quiet } from './support/quiet.ts'
import { recorder } from './support/recorder.ts'

const entriesOf = (names: readonly string[]): BatchEntry[] =>
  names.map(id => ({ topic: 'orders', event: item(id) }))

const largeBatch: ConformanceCase = {
  id: 'batching.publish-batch@1',
  title:
    'A batch larger than any broker takes at once is stored whole, and its events are acked until none is left',
  requires: ['subscribe.group', 'stats.backlog'],
  covers: [84, 85],
  permutations: [
    { name: 'one', size: 1 },
    { name: 'eleven', size: 11 },
    { name: 'thousand', size: 1_000 },
  ],
  async run(t, { size }) {
    const bus = await t.bus()
    const seen = recorder()
    await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    const names = ids('order', Number(size))
    const results = await t.within(bus.publishBatch(entriesOf(names)), 'the batch')
    assert.deepEqual(
      results.map(r => (r.status === 'confirmed' ? r.receipt.id : String(r.error))),
      names,
    )
    await t.until(() => seen.done.length >= names.length, 'all events')
    await emptied(t, bus, 'orders', 'billing')
    seen.assertExactly(names)
    assert.deepEqual(await t.within(bus.publishBatch([]), 'an empty batch'), [])
  },
}

const invalidEntries: ConformanceCase = {
  id: 'batching.invalid-entries@1',
  title:
    'Bad entries of a batch fail by themselves, each with its own reason in its own place; the others are stored',
  requires: ['subscribe.group'],
  covers: [85],
  async run(t) {
    const bus = await t.bus()
    const seen = recorder()
    const subscription = await bus.subscribe('orders', { group: 'billing' }, seen.handler)
    const entries: BatchEntry[] = [
      { topic: 'orders', event: item('a') },
      { topic: 'orders', event: item('bad-type', { type: '' }) },
      { topic: 'orders', event: item('b') },
      { topic: 'orders', event: item('c') },
      { topic: 'no such topic', event: item('bad-topic') },
      { topic: 'orders', event: item('bad-header'), options: { headers: [['busbar-reason', 'mine']] } },
      { topic: 'orders', event: item('d') },
    ]
    const results = await t.within(bus.publishBatch(entries), 'the batch')
    assert.deepEqual(
      results.map(r => (r.status === 'confirmed' ? r.receipt.id : r.error.code)),
      ['a', 'INVALID_EVENT', 'b', 'c', 'ILLEGAL_NAME', 'RESERVED_HEADER', 'd'],
    )
    await quiet(t, bus, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(['a', 'b', 'c', 'd'])
  },
}

const partialFailure: ConformanceCase = {
  id: 'batching.partial-failure@1',
  title: 'When the broker refuses part of a batch, every entry says truly whether it was stored',
  requires: ['subscribe.group'],
  faults: ['refuse-publish'],
  covers: [85],
  async run(t) {
    const publisher = await t.bus({ client: 'publisher' })
    const consumer = await t.bus()
    const seen = recorder()
    const subscription = await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    const names = ids('order', 12)
    await t.faults.refusePublishes('publisher', 3)
    const results = await t.within(publisher.publishBatch(entriesOf(names)), 'the batch')
    assert.equal(results.length, names.length)
    await quiet(t, consumer, 'orders', [{ recorder: seen, subscription }])
    seen.assertExactly(names.filter((_, n) => results[n]?.status === 'confirmed'))
    for (const result of results) {
      if (result.status === 'failed')
        assert.ok(isBusError(result.error, 'PUBLISH_FAILED'), String(result.error))
    }
    assert.ok(seen.done.length >= 9, 'more failed than was refused')
    const again = results.filter(r => r.status === 'confirmed' && r.receipt.duplicate)
    assert.equal(again.length, 0, 'entries that were stored the first time were sent again')
  },
}

const severalTopics: ConformanceCase = {
  id: 'batching.several-topics@1',
  title: 'One batch may go to several topics, each event to its own',
  requires: ['subscribe.group'],
  covers: [84, 85],
  async run(t) {
    const bus = await t.bus()
    const topics = ['orders', 'invoices', 'refunds']
    const consumers = await Promise.all(
      topics.map(async topic => {
        const seen = recorder()
        const subscription = await bus.subscribe(topic, { group: 'billing' }, seen.handler)
        return { topic, recorder: seen, subscription }
      }),
    )
    const names = ids('n', 30)
    const topicOf = (n: number) => topics[n % 3] ?? ''
    const entries = names.map((id, n) => ({ topic: topicOf(n), event: item(id) }))
    const results = await t.within(bus.publishBatch(entries), 'the batch')
    assert.ok(results.every(r => r.status === 'confirmed'))
    for (const consumer of consumers) {
      await t.until(() => consumer.recorder.done.length >= 10, `the events of ${consumer.topic}`)
      await quiet(t, bus, consumer.topic, [consumer])
      consumer.recorder.assertExactly(names.filter((_, n) => topicOf(n) === consumer.topic))
    }
  },
}

const flushedOnEnd: ConformanceCase = {
  id: 'batching.nothing-left-in-a-buffer@1',
  title:
    'Publishes that nobody waited for are stored by flush and by drain; close settles each of them truthfully',
  requires: ['subscribe.group'],
  covers: [88, 103],
  permutations: [
    { name: 'flush', end: 'flush' },
    { name: 'drain', end: 'drain' },
    { name: 'close', end: 'close' },
  ],
  async run(t, { end }) {
    const consumer = await t.bus()
    const seen = recorder()
    const subscription = await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    const publisher = await t.bus()
    const names = ids('order', 200)
    let unsettled = names.length
    const pending = Promise.allSettled(
      names.map(id => publisher.publish('orders', item(id)).finally(() => void unsettled--)),
    )
    // No fault is in the way, so no time has to pass.
    await publisher[end as 'flush' | 'drain' | 'close']()
    assert.equal(unsettled, 0, `publishes that had not settled after ${String(end)}`)
    const settled = await pending
    await quiet(t, consumer, 'orders', [{ recorder: seen, subscription }])
    const arrived = new Set(seen.done)
    for (const [n, id] of names.entries()) {
      const outcome = settled[n]
      if (outcome?.status === 'fulfilled') assert.ok(arrived.has(id), `${id} was confirmed and is lost`)
      else if (end !== 'close') assert.fail(`${id} was refused: ${String(outcome?.reason)}`)
      else if (!isBusError(outcome?.reason, 'PUBLISH_UNKNOWN')) {
        assert.ok(isBusError(outcome?.reason), String(outcome?.reason))
        assert.ok(!arrived.has(id), `${id} was refused with ${outcome.reason.code} and stored`)
      }
    }
    if (end === 'flush') await publishItems(publisher, 'orders', ['after-flush'])
  },
}

export const batchingCases: readonly ConformanceCase[] = [
  largeBatch,
  invalidEntries,
  partialFailure,
  severalTopics,
  flushedOnEnd,
  ...batchHandlerCases,
]
