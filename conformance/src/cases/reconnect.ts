import type { ConformanceCase } from '../model/case.ts'
import { consumingCases } from './reconnect/consuming.ts'
import { flowCases } from './reconnect/flow.ts'
import { publishingFaultCases } from './reconnect/publishing.ts'
import { settlingCases } from './reconnect/settling.ts'

/** Broken links, lost answers and restarts: everything confirmed arrives, and everything comes back by itself. */
export const reconnectCases: readonly ConformanceCase[] = [
  ...publishingFaultCases,
  ...consumingCases,
  ...settlingCases,
  ...flowCases,
]
