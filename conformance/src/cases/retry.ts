import type { ConformanceCase } from '../model/case.ts'
import { delayCases } from './retry/delays.ts'
import { outcomeCases } from './retry/outcomes.ts'
import { survivalCases } from './retry/survival.ts'
import { throttlingCases } from './retry/throttling.ts'

/** Retries: how often, how late, for which errors, and through which failures. */
export const retryCases: readonly ConformanceCase[] = [
  ...outcomeCases,
  ...delayCases,
  ...survivalCases,
  ...throttlingCases,
]
