import assert from 'node:assert/strict'
import { type Bus, isBusError } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../../model/case.ts'
import { item } from '../support/items.ts'
import { rejection } from '../support/rejection.ts'
import { witness } from '../support/witness.ts'

/** Where looking for the limit begins and ends: the least that CloudEvents demands, and more than any default. */
const LEAST = 64 * 1024
const MOST = 64 * 1024 * 1024

/** A new id for each publish, all of one length for a size: the same one again would be taken for a copy. */
const bytesOf = (size: number, name: 'probe' | 'final') =>
  item(`${name}-${size}`, { datacontenttype: 'application/octet-stream', data: new Uint8Array(size) })

async function fits(t: CaseContext, bus: Bus, size: number): Promise<boolean> {
  try {
    await t.within(bus.publish('probes', bytesOf(size, 'probe')), `the answer to ${size} bytes`)
    return true
  } catch (error) {
    if (isBusError(error, 'PAYLOAD_TOO_LARGE')) return false
    throw error
  }
}

const limit: ConformanceCase = {
  id: 'cloudevents.size-limit@1',
  title:
    'An event at the size limit is carried, one byte more is refused for that reason, and the link survives',
  requires: ['subscribe.group'],
  covers: [80],
  run: async t => {
    const bus = await t.bus()
    // Nobody keeps what the search publishes: the topic of the probes has no group.
    assert.ok(await fits(t, bus, LEAST), `${LEAST} bytes are refused`)
    let low = LEAST
    let high = LEAST
    while (high < MOST && (await fits(t, bus, high * 2))) {
      high *= 2
      low = high
    }
    high *= 2
    if (high > MOST) return
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2)
      if (await fits(t, bus, middle)) low = middle
      else high = middle
    }

    const seen = witness(t)
    const consumer = await t.bus()
    await consumer.subscribe('probes', { group: 'readers' }, seen.handle)
    const error = await rejection(bus.publish('probes', bytesOf(low + 1, 'final')), 'PAYLOAD_TOO_LARGE')
    assert.equal(error.retryable, false)
    await t.within(bus.publish('probes', bytesOf(low, 'final')), 'the largest event to be confirmed')
    await bus.publish('probes', item('after'))
    await t.until(() => seen.starts('after') === 1 && seen.starts(`final-${low}`) === 1, 'both events')

    assert.equal(seen.deliveries.find(d => d.event.id === `final-${low}`)?.body?.length, low)
    assert.equal(bus.health.status, 'live')
    assert.equal(bus.stats.publishRetried, 0)
  },
}

export const sizeCases: readonly ConformanceCase[] = [limit]
