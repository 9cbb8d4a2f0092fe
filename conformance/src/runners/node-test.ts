import { allCases } from '../cases/index.ts'
import type { Harness } from '../model/harness.ts'
import { type BindingOptions, bind, outcome } from './binding.ts'

/** The part of `node:test` that the binding needs: pass `{ describe, it, after }` from it. */
export interface NodeTestFunctions {
  readonly describe: (name: string, define: () => void) => unknown
  readonly it: (
    name: string,
    options: { readonly timeout: number },
    run: (context: { skip(reason?: string): void }) => Promise<void>,
  ) => unknown
  readonly after: (run: () => Promise<void>) => unknown
}

/** Defines the whole suite as `node:test` tests of one adapter. A case that could not be proven shows as skipped, with its reason. */
export function conformance(
  harness: Harness,
  nodeTest: NodeTestFunctions,
  options: BindingOptions = {},
): void {
  nodeTest.describe(`conformance of ${harness.name}`, () => {
    const suite = bind(harness, allCases, options)
    for (const test of suite.tests) {
      nodeTest.it(test.name, { timeout: test.timeLimit }, async context => {
        const unproven = outcome(await test.run())
        if (unproven !== undefined) context.skip(unproven)
      })
    }
    nodeTest.after(() => suite.close())
  })
}
