import { describe, expect, it } from 'vitest'
import { memoryHarness } from '../../src/harness/memory.ts'
import { allMutants } from '../../src/mutants/index.ts'
import { runSuite } from '../../src/runners/run-suite.ts'
import { aCase } from '../support.ts'

describe('mutants', () => {
  it('have ids of their own, and say what is broken', () => {
    const ids = allMutants.map(mutant => mutant.id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { id, bug } of allMutants) {
      expect(id).toMatch(/^[a-z0-9-]+$/)
      expect(bug, id).not.toBe('')
    }
  })

  it('break something', () => {
    for (const { id, adapter, bus, options } of allMutants)
      expect(adapter ?? bus ?? options, id).toBeDefined()
  })

  it('reach the cases: a lost acknowledgement shows', async () => {
    const item = aCase(async t => {
      const bus = await t.bus()
      const seen: string[] = []
      await t.within(
        bus.subscribe('orders', { group: 'billing' }, ({ event }) => void seen.push(event.id)),
        'the group',
      )
      await t.within(bus.publish('orders', { id: '1', source: '/', type: 'a' }), 'the publish')
      await t.until(() => seen.length > 0, 'the event')
      await t.until(
        async () => (await bus.queueStats('orders', 'billing')).inFlight === 0,
        'its acknowledgement',
        1_000,
      )
    })
    const forgetful = allMutants.find(mutant => mutant.id === 'ack-forgotten')
    const broken = await runSuite(memoryHarness, [item], { alterations: forgetful ?? {} })
    const sound = await runSuite(memoryHarness, [item])
    expect(sound.cases[0]).toMatchObject({ status: 'pass' })
    expect(broken.cases[0]).toMatchObject({
      status: 'fail',
      reason: expect.stringContaining('its acknowledgement'),
    })
  })
})
