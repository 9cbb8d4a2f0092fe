import { allCases } from '../cases/index.ts'
import type { Harness } from '../model/harness.ts'
import { type BindingOptions, bind, outcome } from './binding.ts'

/** The part of Vitest that the binding needs: pass `{ describe, it, afterAll }` from `vitest`. */
export interface VitestFunctions {
  readonly describe: (name: string, define: () => void) => unknown
  readonly it: (
    name: string,
    run: (context: { skip(reason?: string): unknown }) => Promise<void>,
    timeout?: number,
  ) => unknown
  readonly afterAll: (run: () => Promise<void>) => unknown
}

/** Defines the whole suite as Vitest tests of one adapter. A case that could not be proven shows as skipped, with its reason. */
export function conformance(harness: Harness, vitest: VitestFunctions, options: BindingOptions = {}): void {
  vitest.describe(`conformance of ${harness.name}`, () => {
    const suite = bind(harness, allCases, options)
    for (const test of suite.tests) {
      const run = async (context: { skip(reason?: string): unknown }) => {
        const unproven = outcome(await test.run())
        if (unproven !== undefined) context.skip(unproven)
      }
      vitest.it(test.name, run, test.timeLimit)
    }
    vitest.afterAll(() => suite.close())
  })
}
