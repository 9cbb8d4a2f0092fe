import assert from 'node:assert/strict'
import { isBusError } from '@busbar/core'
import type { ConformanceCase } from '../../model/case.ts'
import { ids, item, publishItems, sorted } from '../support/items.ts'
import { recorder } from '../support/recorder.ts'

const overflow: ConformanceCase = {
  id: 'backpressure.publish-overflow@1',
  title:
    'While the broker does not answer, publishes beyond what may wait are refused, and those that wait are not lost',
  requires: ['subscribe.group'],
  faults: ['stall', 'heal'],
  covers: [93, 92, 88],
  permutations: [
    { name: 'by-count', limit: { maxInFlight: 4 }, most: 4, least: 4 },
    // A message is larger than its 1,000 bytes of data, and one always goes.
    { name: 'by-bytes', limit: { maxInFlightBytes: 8_000 }, most: 8, least: 1 },
  ],
  async run(t, { limit, most, least }) {
    const publishing = { maxWaiting: 6, timeout: 60_000, ...(limit as object) }
    const publisher = await t.bus({ client: 'publisher', publishing })
    const consumer = await t.bus({ client: 'consumer' })
    const seen = recorder()
    await consumer.subscribe('orders', { group: 'billing' }, seen.handler)
    await publisher.publish('orders', item('before'))
    await t.faults.stall('publisher')
    const pending = ids('order', 30).map(id =>
      publisher.publish('orders', item(id, { data: 'x'.repeat(1_000) })).then(
        () => ({ id, error: undefined }),
        (error: unknown) => ({ id, error }),
      ),
    )
    await t.pass(300)
    await t.faults.heal('publisher')
    const outcomes = await t.within(Promise.all(pending), 'every publish to settle', 120_000)
    const refused = outcomes.filter(o => o.error !== undefined)
    for (const { error } of refused) assert.ok(isBusError(error, 'PUBLISH_OVERFLOW'), String(error))
    const kept = outcomes.filter(o => o.error === undefined).map(o => o.id)
    const onTheirWay = kept.length - 6
    assert.ok(onTheirWay <= Number(most) && onTheirWay >= Number(least), `${onTheirWay} were on their way`)
    await t.until(() => kept.every(id => seen.done.includes(id)), 'every event that was not refused')
    assert.deepEqual(sorted(new Set(seen.done)), sorted(['before', ...kept]))
  },
}

const batchIsBounded: ConformanceCase = {
  id: 'backpressure.large-batch-within-limits@1',
  title: 'A batch larger than the limits of what may be on its way passes in parts, in one call',
  requires: ['subscribe.group'],
  covers: [85, 93],
  async run(t) {
    const publisher = await t.bus({ publishing: { maxInFlight: 10 } })
    const seen = recorder()
    await publisher.subscribe('orders', { group: 'billing' }, seen.handler)
    const names = ids('order', 105)
    const entries = names.map(id => ({ topic: 'orders', event: item(id) }))
    const results = await t.within(publisher.publishBatch(entries), 'the batch')
    assert.deepEqual(
      results.map(r => r.status),
      names.map(() => 'confirmed'),
    )
    await publishItems(publisher, 'orders', ['after'])
    await t.until(() => seen.done.includes('after') && seen.done.length >= 106, 'every event')
    seen.assertExactly([...names, 'after'])
  },
}

export const publishLimitCases: readonly ConformanceCase[] = [overflow, batchIsBounded]
