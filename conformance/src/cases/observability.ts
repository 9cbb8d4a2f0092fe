import type { ConformanceCase } from '../model/case.ts'
import { healthCases } from './observability/health.ts'
import { hookCases } from './observability/hooks.ts'
import { numberCases } from './observability/numbers.ts'

/** What an operator sees: health, numbers, traces, logs. All of it true. */
export const observabilityCases: readonly ConformanceCase[] = [...healthCases, ...numberCases, ...hookCases]
