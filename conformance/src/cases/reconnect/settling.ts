import assert from 'node:assert/strict'
import { type Bus, Reject } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../../model/case.ts'
import { deadLettered, settled } from '../support/dead.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { after } from '../support/retries.ts'
import { witness } from '../support/witness.ts'

/** Empty long before any lease (30 s by default) could end: what failed was settled again, not left to be taken away. */
async function emptiedSoon(t: CaseContext, bus: Bus): Promise<void> {
  await t.until(
    async () => {
      const { ready = 0, inFlight = 0, delayed = 0, lag = 0 } = await bus.queueStats('jobs', 'workers')
      return ready + inFlight + delayed + lag === 0
    },
    'nothing to be left for the group',
    10_000,
  )
}

const acks: ConformanceCase = {
  id: 'reconnect.settlement-fails@1',
  title:
    'A settlement that fails is tried again until it is done; the process lives, and nothing stays behind',
  requires: ['subscribe.group', 'retry.durable', 'dead-letter.store'],
  faults: ['fail-settlement'],
  covers: [26],
  permutations: [{ name: 'ack' }, { name: 'retry' }, { name: 'dead-letter' }],
  run: async (t, { name }) => {
    const bus = await t.bus({ client: 'victim' })
    const seen = witness(t, d => {
      if (name === 'retry' && d.attempt === 1) throw new Error('for now')
      if (name === 'dead-letter' && d.event.id === 'first') throw new Reject('never')
    })
    await t.faults.failSettlements('victim', 3)
    const subscription = await bus.subscribe('jobs', { group: 'workers', retry: after(5, 50) }, seen.handle)
    await bus.publish('jobs', item('first'))
    await t.until(() => seen.starts('first') >= (name === 'retry' ? 2 : 1), 'the event to be handled')
    await settled(t, subscription)
    await bus.publish('jobs', item('second'))
    await t.until(() => seen.starts('second') >= (name === 'retry' ? 2 : 1), 'the next event')
    await emptiedSoon(t, bus)

    const letters = name === 'dead-letter' ? await deadLettered(t, bus, 'jobs', 'workers') : []
    assert.deepEqual((await bus.deadLetters('jobs', 'workers').list()).length, letters.length)
    assert.deepEqual(
      letters.map(l => l.event?.id),
      name === 'dead-letter' ? ['first'] : [],
    )
  },
}

const many: ConformanceCase = {
  id: 'reconnect.settlements-fail@1',
  title: 'Settlements that fail among many leave no event stuck and none unhandled',
  requires: ['subscribe.group'],
  faults: ['fail-settlement'],
  covers: [26, 14],
  run: async t => {
    const bus = await t.bus({ client: 'victim' })
    const names = ids('job', 50)
    const seen = witness(t)
    const subscription = await bus.subscribe('jobs', { group: 'workers', concurrency: 4 }, seen.handle)
    await t.faults.failSettlements('victim', 20)
    await publishItems(bus, 'jobs', names)
    await t.until(() => names.every(id => seen.starts(id) > 0), 'every event')
    await settled(t, subscription)
    await emptiedSoon(t, bus)
    assert.equal(subscription.state, 'live')
  },
}

export const settlingCases = [acks, many]
