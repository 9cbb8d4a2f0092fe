import { describe, expect, it } from 'vitest'
import { memoryHarness } from '../../src/harness/memory.ts'
import type { Harness } from '../../src/model/harness.ts'
import type { BindingOptions } from '../../src/runners/binding.ts'
import { conformance as forNodeTest } from '../../src/runners/node-test.ts'
import { conformance as forVitest } from '../../src/runners/vitest.ts'
import { aCase, without } from '../support.ts'

interface Defined {
  readonly name: string
  readonly timeout: number | undefined
  /** Resolves to the reason it was skipped with, if it was. */
  run(): Promise<string | undefined>
}

interface Bound {
  readonly suite: string
  readonly tests: readonly Defined[]
  close(): Promise<void>
}

type Bind = (harness: Harness, options: BindingOptions) => Bound

/** Stands in for a runner: notes what is defined, and runs it when told to. */
function standIn() {
  const tests: Defined[] = []
  const found = { suite: '', tests, close: async () => {} }
  const add = (
    name: string,
    timeout: number | undefined,
    run: (context: { skip(reason?: string): void }) => Promise<void>,
  ) => {
    tests.push({
      name,
      timeout,
      async run() {
        let skipped: string | undefined
        await run({
          skip(reason) {
            skipped = reason
          },
        })
        return skipped
      },
    })
  }
  const after = (run: () => Promise<void>) => {
    found.close = run
  }
  const group = (name: string, define: () => void) => {
    found.suite = name
    define()
  }
  return { found, add, after, group }
}

const bindings: readonly (readonly [string, Bind])[] = [
  [
    'Vitest',
    (harness, options) => {
      const { found, add, after, group } = standIn()
      const define = (name: string, run: Parameters<typeof add>[2], timeout?: number) =>
        add(name, timeout, run)
      forVitest(harness, { describe: group, it: define, afterAll: after }, options)
      return found
    },
  ],
  [
    'node:test',
    (harness, options) => {
      const { found, add, after, group } = standIn()
      const define = (name: string, { timeout }: { timeout: number }, run: Parameters<typeof add>[2]) =>
        add(name, timeout, run)
      forNodeTest(harness, { describe: group, it: define, after }, options)
      return found
    },
  ],
]

describe.each(bindings)('the binding for %s', (_, bind) => {
  const passing = aCase(async () => {}, { id: 'a.passes@1', permutations: [{ name: 'x' }, { name: 'y' }] })
  const failing = aCase(() => Promise.reject(new Error('not so')), { id: 'a.fails@1', timeLimit: 1_000 })
  const unproven = aCase(async () => {}, { id: 'a.unproven@1', faults: ['worker'] })
  const delayed = aCase(async t => void (await t.bus()), { id: 'a.delayed@1', requires: ['publish.delay'] })

  it('defines every run before anything connects', () => {
    const harness: Harness = { name: 'far away', open: () => Promise.reject(new Error('no broker')) }
    const bound = bind(harness, { cases: [passing, failing] })
    expect(bound.suite).toBe('conformance of far away')
    expect(bound.tests.map(test => test.name.split(':')[0])).toEqual([
      'a.passes@1[x]',
      'a.passes@1[y]',
      'a.fails@1',
    ])
  })

  it('allows each test more time than its case', () => {
    expect(bind(memoryHarness, { cases: [failing] }).tests[0]?.timeout).toBeGreaterThan(1_000)
  })

  it('passes, fails and skips as the case does', async () => {
    const bound = bind(memoryHarness, { cases: [passing, failing, unproven] })
    const [first, , third, fourth] = bound.tests
    expect(await first?.run()).toBeUndefined()
    await expect(third?.run()).rejects.toThrow('not so')
    expect(await fourth?.run()).toContain('worker')
    await bound.close()
  })

  it('probes what the manifest denies', async () => {
    const bound = bind(without('publish.delay'), { cases: [delayed] })
    const [refused, probe] = bound.tests
    expect(await refused?.run()).toBeUndefined()
    expect(probe?.name).toContain('capabilities.under-declared@1[publish.delay]')
    await expect(probe?.run()).rejects.toThrow('declared unsupported')
    await bound.close()
  })
})
