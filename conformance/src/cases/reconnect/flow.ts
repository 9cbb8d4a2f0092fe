import assert from 'node:assert/strict'
import type { Bus } from '@busbar/core'
import type { CaseContext, ConformanceCase } from '../../model/case.ts'
import { item } from '../support/items.ts'
import { elapsed } from '../support/passing-time.ts'
import { emptied } from '../support/quiet.ts'
import { after } from '../support/retries.ts'
import { type Witness, witness } from '../support/witness.ts'

interface Flow {
  readonly seen: Witness
  readonly confirmed: string[]
  readonly publisher: Bus
  finished(): Promise<void>
}

/** A publisher and two consumers at work: an event every 20 ms, every seventh failing at its first attempt. */
async function flow(t: CaseContext, count: number): Promise<Flow> {
  const publisher = await t.bus({ client: 'publisher' })
  const confirmed: string[] = []
  const seen = witness(t, async d => {
    await elapsed(t, 5)
    if (d.attempt === 1 && Number(d.event.id.split('-')[1]) % 7 === 0) throw new Error('for now')
  })
  for (const client of ['one', 'two']) {
    const bus = await t.bus({ client })
    await bus.subscribe('jobs', { group: 'workers', concurrency: 4, retry: after(20, 100) }, seen.handle)
  }
  const publishing = (async () => {
    for (let n = 0; n < count; n++) {
      confirmed.push((await publisher.publish('jobs', item(`job-${n}`))).id)
      await elapsed(t, 20)
    }
  })()
  publishing.catch(() => {})
  return {
    seen,
    confirmed,
    publisher,
    finished: () => t.within(publishing, 'every publish to be confirmed'),
  }
}

async function assertNothingLost(
  t: CaseContext,
  { seen, confirmed, publisher, finished }: Flow,
): Promise<void> {
  await finished()
  await t.until(() => confirmed.every(id => seen.starts(id) > 0), 'every confirmed event to be handled')
  await emptied(t, publisher, 'jobs', 'workers')
  assert.deepEqual(await publisher.deadLetters('jobs', 'workers').list(), [])
}

const restarts: ConformanceCase = {
  id: 'reconnect.restarts-under-flow@1',
  title:
    'Through two restarts of the broker while events flow, every confirmed event is handled and none is dead-lettered',
  requires: ['subscribe.group', 'retry.durable'],
  faults: ['restart-broker'],
  covers: [105],
  timeLimit: 90_000,
  run: async t => {
    const events = await flow(t, 100)
    for (const at of [20, 60]) {
      await t.until(() => events.confirmed.length >= at, `${at} events to be confirmed`)
      await t.within(t.faults.restartBroker(), 'the restart', 60_000)
    }
    await assertNothingLost(t, events)
  },
}

const cuts: ConformanceCase = {
  id: 'reconnect.cuts-under-flow@1',
  title:
    'While links break and heal, on either side, every confirmed event is handled and none is dead-lettered',
  requires: ['subscribe.group', 'retry.durable'],
  faults: ['cut', 'heal'],
  covers: [9, 106],
  timeLimit: 90_000,
  run: async t => {
    const events = await flow(t, 100)
    for (const [n, client] of ['publisher', 'one', 'two', 'one'].entries()) {
      await t.until(() => events.confirmed.length >= 15 * (n + 1), 'events to flow')
      await t.faults.cut(client)
      await t.pass(200)
      await t.faults.heal(client)
    }
    await assertNothingLost(t, events)
  },
}

const lossy: ConformanceCase = {
  id: 'reconnect.lossy-flow@1',
  title: 'While confirmations get lost and publishes and settlements fail, every confirmed event is handled',
  requires: ['subscribe.group', 'retry.durable'],
  faults: ['lose-confirm', 'refuse-publish', 'fail-settlement'],
  covers: [9, 26],
  timeLimit: 90_000,
  run: async t => {
    const events = await flow(t, 80)
    for (const at of [10, 30, 50]) {
      await t.until(() => events.confirmed.length >= at, 'events to flow')
      await t.faults.loseConfirms('publisher', 2)
      await t.faults.failSettlements('one', 3)
      await t.until(() => events.confirmed.length >= at + 10, 'events to flow')
      await t.faults.refusePublishes('publisher', 2)
    }
    await assertNothingLost(t, events)
  },
}

export const flowCases = [restarts, cuts, lossy]
