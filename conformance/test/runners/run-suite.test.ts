import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import { memoryHarness } from '../../src/harness/memory.ts'
import type { FaultId, Faults } from '../../src/model/faults.ts'
import type { Harness } from '../../src/model/harness.ts'
import { runSuite } from '../../src/runners/run-suite.ts'
import { overlay } from '../../src/wrap/overlay.ts'
import { aCase, resultOf, without } from '../support.ts'

const never = () => new Promise<never>(() => {})

describe('what becomes of a case', () => {
  it('passes when it returns', async () => {
    expect(await resultOf(aCase(async () => {}))).toMatchObject({ id: 'sample.case@1', status: 'pass' })
  })

  it('fails with the message of what it threw', async () => {
    const result = await resultOf(aCase(async () => assert.equal(1, 2, 'one is not two')))
    expect(result.status).toBe('fail')
    expect(result.reason).toContain('one is not two')
  })

  it('fails at its time limit when it hangs', async () => {
    const result = await resultOf(aCase(never, { timeLimit: 30 }))
    expect(result).toMatchObject({ status: 'fail', reason: expect.stringContaining('time limit of 30 ms') })
  })

  it('aborts its signal at the time limit', async () => {
    let aborted = false
    const item = aCase(
      t => {
        t.signal.addEventListener('abort', () => {
          aborted = true
        })
        return never()
      },
      { timeLimit: 20 },
    )
    await resultOf(item)
    expect(aborted).toBe(true)
  })

  it('fails soon when what it waits for can no longer happen in virtual time', async () => {
    const began = performance.now()
    const result = await resultOf(aCase(t => t.until(() => false, 'the impossible')))
    expect(result).toMatchObject({ status: 'fail', reason: expect.stringContaining('the impossible') })
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  it('fails when a rejection is left unhandled', async () => {
    // The runner's own listener must see it, and Vitest's must not.
    const listeners = process.rawListeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    try {
      const result = await resultOf(
        aCase(async () => {
          void Promise.reject(new Error('nobody looks'))
        }),
      )
      expect(result).toMatchObject({ status: 'fail', reason: expect.stringContaining('nobody looks') })
    } finally {
      for (const listener of listeners) process.on('unhandledRejection', listener as () => void)
    }
  })

  it('fails when a timer is left after every bus was closed', async () => {
    const result = await resultOf(aCase(async t => void t.clock.setTimer(60_000, () => {})))
    expect(result).toMatchObject({ status: 'fail', reason: expect.stringContaining('1 timers are left') })
  })

  it('closes the buses that it left open', async () => {
    let closed: (() => Promise<unknown>) | undefined
    const item = aCase(async t => {
      const bus = await t.bus()
      closed = () => bus.publish('orders', { id: '1', source: '/', type: 'a' })
    })
    expect((await resultOf(item)).status).toBe('pass')
    await expect(closed?.()).rejects.toMatchObject({ code: 'BUS_CLOSED' })
  })
})

describe('what a case needs', () => {
  const delayed = aCase(async t => void (await t.bus()), { requires: ['publish.delay'] })

  it('is refused where the capability is missing and the demand fails with its type', async () => {
    const result = await resultOf(delayed, { harness: without('publish.delay') })
    expect(result).toMatchObject({ status: 'refused', reason: expect.stringContaining('publish.delay') })
  })

  it('fails where the capability is missing and the demand is met', async () => {
    const meek = { ...delayed, demand: async () => {} }
    const result = await resultOf(meek, { harness: without('publish.delay') })
    expect(result).toMatchObject({ status: 'fail', reason: expect.stringContaining('not refused') })
  })

  it('fails where the demand is refused with another error', async () => {
    const odd = { ...delayed, demand: () => Promise.reject(new TypeError('what?')) }
    const result = await resultOf(odd, { harness: without('publish.delay') })
    expect(result).toMatchObject({
      status: 'fail',
      reason: expect.stringContaining('CAPABILITY_UNSUPPORTED'),
    })
  })

  it('is not proven without the fault injector that it names', async () => {
    const result = await resultOf(aCase(async () => {}, { faults: ['worker'] }))
    expect(result).toMatchObject({ status: 'not-proven', reason: expect.stringContaining('worker') })
  })

  it('is not proven without a raw client', async () => {
    const harness = {
      ...memoryHarness,
      async open() {
        const { raw: _, ...environment } = await memoryHarness.open()
        return environment
      },
    }
    expect(
      await resultOf(
        aCase(async () => {}, { raw: true }),
        { harness },
      ),
    ).toMatchObject({ status: 'not-proven' })
  })

  it('is skipped once the run was stopped', async () => {
    const result = await resultOf(
      aCase(async () => {}),
      { signal: AbortSignal.abort() },
    )
    expect(result.status).toBe('skipped')
  })
})

describe('capabilities that are missing only in the manifest', () => {
  const requires = ['publish.delay'] as const
  const options = (ms: number) => ({ delay: ms })

  it('are reported when their cases pass all the same', async () => {
    const item = aCase(
      async t => {
        const bus = await t.bus()
        await t.within(bus.publish('orders', { id: '1', source: '/', type: 'a' }, options(10)), 'the publish')
      },
      { requires },
    )
    const report = await runSuite(without('publish.delay'), [item])
    expect(report.cases.map(({ id, status }) => [id, status])).toEqual([
      ['sample.case@1', 'refused'],
      ['capabilities.under-declared@1[publish.delay]', 'fail'],
    ])
  })

  it('are believed when a case fails without them', async () => {
    const item = aCase(() => Promise.reject(new Error('it cannot')), { requires })
    const report = await runSuite(without('publish.delay'), [item])
    expect(report.cases[1]).toMatchObject({ status: 'pass' })
  })
})

describe('a run of many cases', () => {
  const cases = ['a.one@1', 'a.two@1', 'b.three@1'].map(id =>
    aCase(async () => {}, { id, permutations: [{ name: 'x' }, { name: 'y' }] }),
  )
  const ids = async (options: Parameters<typeof runSuite>[2]) =>
    (await runSuite(memoryHarness, cases, options)).cases.map(result => result.id)

  it('runs every permutation under its own name', async () => {
    expect(await ids({ filter: 'b.' })).toEqual(['b.three@1[x]', 'b.three@1[y]'])
  })

  it('runs the first permutations only, on request', async () => {
    expect(await ids({ permutations: false })).toEqual(['a.one@1[x]', 'a.two@1[x]', 'b.three@1[x]'])
  })

  it('repeats, and shuffles the same way for the same seed', async () => {
    const first = await ids({ repeat: 3, shuffle: 7 })
    expect(first).toHaveLength(18)
    expect(await ids({ repeat: 3, shuffle: 7 })).toEqual(first)
    expect(await ids({ repeat: 3 })).not.toEqual(first)
  })

  it('never gives two runs the same prefix, in parallel either', async () => {
    const prefixes: string[] = []
    const item = aCase(async t => void prefixes.push(t.prefix))
    await runSuite(memoryHarness, [item], { repeat: 20, parallel: 5 })
    expect(new Set(prefixes).size).toBe(20)
    for (const prefix of prefixes) expect(prefix).toMatch(/^[A-Za-z0-9-]{1,40}$/)
  })

  it('counts what became of them', async () => {
    const failing = aCase(() => Promise.reject(new Error('no')), { id: 'c.four@1' })
    const { summary, adapter, version } = await runSuite(memoryHarness, [...cases, failing])
    expect(summary).toMatchObject({ pass: 6, fail: 1, refused: 0, 'not-proven': 0, skipped: 0, total: 7 })
    expect({ adapter, version }).toEqual({ adapter: 'memory', version: 'memory 1' })
  })
})

describe('faults that a case shares its broker with', () => {
  /** One environment for all cases, whose faults hurt only the clients they name. */
  function shared() {
    const cuts: (string | undefined)[] = []
    const cleaned: string[] = []
    const harness: Harness = {
      name: 'shared',
      async open() {
        const environment = await memoryHarness.open()
        const faults = environment.faults as Faults
        return {
          ...environment,
          faults: overlay(faults, {
            contained: new Set<FaultId>(['cut', 'heal']),
            cut: async client => void cuts.push(client),
          }),
          cleanUp: async prefix => void cleaned.push(prefix),
        }
      },
    }
    return { harness, cuts, cleaned }
  }

  it('a cut of all links is one of this case’s clients, those that come later included', async () => {
    const { harness, cuts } = shared()
    const item = aCase(
      async t => {
        await t.bus({ client: 'early' })
        await t.faults.cut()
        await t.bus({ client: 'late' })
      },
      { faults: ['cut'] },
    )
    expect((await resultOf(item, { harness })).status).toBe('pass')
    expect(cuts).toEqual([expect.stringMatching(/-early$/), expect.stringMatching(/-late$/)])
  })

  it('what a case made on the broker is removed after it', async () => {
    const { harness, cleaned } = shared()
    let prefix = ''
    await resultOf(
      aCase(async t => {
        prefix = t.prefix
        await t.bus()
      }),
      { harness },
    )
    expect(cleaned).toContain(prefix)
  })
})
