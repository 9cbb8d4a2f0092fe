import type { ConformanceCase } from '../model/case.ts'
import { closedCases } from './shutdown/closed.ts'
import { deadlineCases } from './shutdown/deadlines.ts'
import { drainCases } from './shutdown/drain.ts'
import { publishingCases } from './shutdown/publishing.ts'

/** Stopping: nothing is lost, nothing is charged, and it ends in time whatever the broker does. */
export const shutdownCases: readonly ConformanceCase[] = [
  ...drainCases,
  ...deadlineCases,
  ...publishingCases,
  ...closedCases,
]
