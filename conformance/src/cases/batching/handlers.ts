import assert from 'node:assert/strict'
import { type ItemOutcome, Reject, type TypedDelivery } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { idOf, ids, item, publishItems, sorted } from '../support/items.ts'
import { elapsed } from '../support/passing-time.ts'
import { emptied } from '../support/quiet.ts'
import { reader } from '../support/reader.ts'
import { atOnce } from '../support/retries.ts'

type Deliveries = readonly TypedDelivery[]

const sizes: ConformanceCase = {
  id: 'batching.handler-batch-size@1',
  title:
    'A batch handler gets no more than its maximum, several where there are several, and every event once',
  requires: ['subscribe.group', 'stats.backlog'],
  covers: [86, 84],
  permutations: [
    { name: 'without-wait', wait: 0 },
    { name: 'with-wait', wait: 200 },
  ],
  async run(t, { wait }) {
    const bus = await t.bus()
    const batches: string[][] = []
    const handler = async (deliveries: Deliveries) => {
      batches.push(deliveries.map(idOf))
      await elapsed(t, 5)
    }
    const options = { group: 'billing', concurrency: 2, prefetch: 40, batch: { max: 10, wait: Number(wait) } }
    const subscription = await bus.subscribeBatch('orders', options, handler)
    const names = ids('order', 95)
    await publishItems(bus, 'orders', names)
    await t.until(() => batches.flat().length >= names.length, 'all events')
    // Not every broker tells what is with a member, so an empty queue may be one whose last batch is being handled.
    await t.until(() => subscription.stats.handled >= names.length, 'the last batch')
    await emptied(t, bus, 'orders', 'billing')
    assert.deepEqual(sorted(batches.flat()), sorted(names))
    const largest = Math.max(...batches.map(b => b.length))
    assert.ok(largest <= 10, `a batch of ${largest}`)
    assert.ok(largest > 1, 'no batch had more than one event')
    assert.equal(subscription.stats.handled, names.length)
  },
}

const waits: ConformanceCase = {
  id: 'batching.handler-waits-for-more@1',
  title: 'A batch handler that waits for more gets what came within its wait, and not much later than that',
  requires: ['subscribe.group'],
  covers: [86],
  async run(t) {
    const bus = await t.bus()
    const batches: { readonly names: string[]; readonly at: number }[] = []
    const handler = (deliveries: Deliveries) =>
      void batches.push({ names: deliveries.map(idOf), at: t.clock.now() })
    await bus.subscribeBatch('orders', { group: 'billing', batch: { max: 50, wait: 1_000 } }, handler)
    const began = t.clock.now()
    for (const id of ids('order', 3)) {
      await bus.publish('orders', item(id))
      await t.pass(100)
    }
    await t.until(() => batches.length > 0, 'the batch')
    assert.deepEqual(batches[0]?.names, ids('order', 3))
    assert.ok((batches[0]?.at ?? 0) - began < 10_000, 'the batch was kept far beyond its wait')
  },
}

const outcomes: ConformanceCase = {
  id: 'batching.outcome-per-item@1',
  title:
    'In a batch each item has its own outcome: acked, retried or dead-lettered; a missing one is retried',
  requires: ['subscribe.group', 'dead-letter.store'],
  covers: [85, 87, 69],
  async run(t) {
    const bus = await t.bus()
    const starts = new Map<string, number[]>()
    const outcome = (delivery: TypedDelivery): ItemOutcome | undefined => {
      const id = idOf(delivery)
      starts.set(id, [...(starts.get(id) ?? []), delivery.attempt])
      if (id === 'rejected') return new Reject('never')
      if (id === 'failed' && delivery.attempt === 1) return new Error('once')
      if (id === 'missing' && delivery.attempt === 1) return undefined
      return 'ack'
    }
    const options = { group: 'billing', retry: atOnce(3), batch: { max: 10, wait: 200 } }
    const subscription = await bus.subscribeBatch('orders', options, deliveries => deliveries.map(outcome))
    await publishItems(bus, 'orders', ['acked', 'failed', 'missing', 'rejected'])
    await t.until(
      () => starts.get('failed')?.length === 2 && starts.get('missing')?.length === 2,
      'the retries',
    )
    await t.until(() => subscription.stats.deadLettered === 1 && subscription.stats.held === 0, 'the rest')
    await bus.publish('orders', item('end'))
    await t.until(() => starts.has('end') && subscription.stats.held === 0, 'a last event')
    assert.deepEqual(
      starts,
      new Map([
        ['acked', [1]],
        ['failed', [1, 2]],
        ['missing', [1, 2]],
        ['rejected', [1]],
        ['end', [1]],
      ]),
    )
    const letters = await deadLettered(t, bus, 'orders', 'billing')
    assert.deepEqual(
      letters.map(l => [l.event?.id, l.reason]),
      [['rejected', 'rejected']],
    )
  },
}

const shortOutcomes: ConformanceCase = {
  id: 'batching.wholesale-outcomes@1',
  title:
    'A batch handler that returns nothing acks all, one that throws fails all, and a short list retries the rest',
  requires: ['subscribe.group'],
  covers: [87],
  permutations: [
    { name: 'returns-nothing', first: () => undefined, again: [] },
    { name: 'throws', first: () => thrown(new Error('all of them')), again: ['a', 'b', 'c'] },
    { name: 'rejects', first: () => Promise.reject(new Error('all of them')), again: ['a', 'b', 'c'] },
    { name: 'empty-list', first: () => [], again: ['a', 'b', 'c'] },
    { name: 'short-list', first: () => ['ack'], again: 'all but the first' },
  ],
  async run(t, { first, again }) {
    const bus = await t.bus()
    const batches: string[][] = []
    const options = { group: 'billing', retry: atOnce(5), batch: { max: 3, wait: 500 } }
    const subscription = await bus.subscribeBatch('orders', options, (deliveries: Deliveries) => {
      batches.push(deliveries.map(idOf))
      if (batches.length === 1) return (first as () => undefined | Promise<ItemOutcome[]>)()
      return undefined
    })
    await bus.publishBatch(['a', 'b', 'c'].map(id => ({ topic: 'orders', event: item(id) })))
    await t.until(() => batches.length >= 1, 'the first batch')
    assert.equal(batches[0]?.length, 3, 'the three events come in one batch')
    const retried = again === 'all but the first' ? (batches[0]?.slice(1) ?? []) : (again as string[])
    await t.until(
      () => batches.slice(1).flat().length >= retried.length && subscription.stats.held === 0,
      'the retries',
    )
    await bus.publish('orders', item('last'))
    await t.until(() => batches.flat().includes('last') && subscription.stats.held === 0, 'a last event')
    assert.deepEqual(sorted(batches.slice(1).flat()), sorted([...retried, 'last']))
  },
}

const streamed: ConformanceCase = {
  id: 'batching.stream-of-batches@1',
  title: 'A stream of batches hands out at most its maximum at a time, each event settled by hand',
  requires: ['subscribe.group', 'stats.backlog'],
  covers: [86],
  async run(t) {
    const bus = await t.bus()
    const stream = bus.stream('orders', { group: 'etl', retry: atOnce(3), batch: { max: 4, wait: 200 } })
    const batches = await reader(t, stream)
    const names = ids('order', 10)
    await publishItems(bus, 'orders', names)
    const seen: string[] = []
    let retried = 0
    while (seen.length < names.length) {
      const batch = await batches.next()
      assert.ok(batch.length >= 1 && batch.length <= 4, `a batch of ${batch.length}`)
      for (const delivery of batch) {
        if (idOf(delivery) === 'order-3' && delivery.attempt === 1) {
          retried++
          await t.within(delivery.retry({ delay: 0 }), 'the retry')
        } else {
          seen.push(idOf(delivery))
          await t.within(delivery.ack(), 'the ack')
        }
      }
    }
    assert.deepEqual(sorted(seen), sorted(names))
    assert.equal(retried, 1)
    await emptied(t, bus, 'orders', 'etl')
  },
}

function thrown(error: unknown): never {
  throw error
}

export const batchHandlerCases: readonly ConformanceCase[] = [sizes, waits, outcomes, shortOutcomes, streamed]
