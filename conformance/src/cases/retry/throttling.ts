import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../model/case.ts'
import { settled } from '../support/dead.ts'
import { ids, item, publishItems } from '../support/items.ts'
import { after } from '../support/retries.ts'
import { failing, witness } from '../support/witness.ts'

const budget: ConformanceCase = {
  id: 'retry.budget@1',
  title: 'Retries over the budget are put off, none is given up, and first attempts do not wait for them',
  requires: ['subscribe.group', 'retry.durable'],
  covers: [59],
  run: async t => {
    const bus = await t.bus()
    const names = ids('job', 12)
    const seen = failing(t, 1)
    const retry = { ...after(3, 1), budget: { ratio: 0.001, minPerSecond: 10, burst: 2 } }
    await bus.subscribe('jobs', { group: 'workers', concurrency: 1, retry }, seen.handle)
    const began = t.clock.now()
    await publishItems(bus, 'jobs', names)
    await t.until(() => names.every(id => seen.starts(id) === 2), 'every event to be retried')

    const lastRetry = (seen.times.at(-1) ?? began) - began
    // Two retries at once, and ten more at ten a second: the last one leaves when nine intervals are over.
    assert.ok(lastRetry >= 900, `12 retries were over after ${lastRetry} ms`)
    assert.deepEqual(await bus.deadLetters('jobs', 'workers').list(), [])
  },
}

const killSwitch: ConformanceCase = {
  id: 'retry.kill-switch@1',
  title:
    'A subscription whose downstream fails pauses, tries one event at a time, and goes on when it works again',
  requires: ['subscribe.group', 'retry.durable', 'settle.release'],
  covers: [59, 94],
  run: async t => {
    const bus = await t.bus()
    const names = ids('job', 30)
    let broken = true
    let running = 0
    let together = 0
    const seen = witness(t, async () => {
      running++
      if (subscription.state === 'tripped') together = Math.max(together, running)
      try {
        if (broken) throw new Error('downstream is down')
      } finally {
        running--
      }
    })
    const subscription = await bus.subscribe(
      'jobs',
      {
        group: 'workers',
        concurrency: 4,
        retry: { attempts: 100, backoff: { kind: 'fixed', delay: 100, jitter: 'none' } },
        killSwitch: { failureRatio: 0.5, minimum: 5, window: 10_000, pause: 1_500, probes: 2 },
      },
      seen.handle,
    )
    await publishItems(bus, 'jobs', names)
    await t.until(() => subscription.state === 'tripped', 'the subscription to trip')
    const trippedAt = t.clock.now()
    await t.until(() => seen.times.some(at => at > trippedAt + 200), 'the first probe')
    const probe = seen.times.find(at => at > trippedAt + 200) ?? 0
    assert.ok(probe - trippedAt >= 1_400, `it was probed after ${probe - trippedAt} ms of a pause of 1500 ms`)
    broken = false
    await t.until(() => subscription.stats.handled === names.length, 'every event to be handled')
    await settled(t, subscription)

    assert.equal(subscription.state, 'live')
    assert.ok(together <= 1, `${together} handlers ran at once while it was tripped`)
    assert.deepEqual(await bus.deadLetters('jobs', 'workers').list(), [])
    await bus.publish('jobs', item('after'))
    await t.until(() => seen.starts('after') === 1, 'the next event')
  },
}

export const throttlingCases = [budget, killSwitch]
