import type { ConformanceCase } from '../model/case.ts'
import { answerCases } from './requests/answers.ts'
import { failureCases } from './requests/failures.ts'
import { lifetimeCases } from './requests/lifetime.ts'

/** Requests: the right answer to the right caller, typed failures, and nothing left of a request that is over. */
export const requestCases: readonly ConformanceCase[] = [...answerCases, ...failureCases, ...lifetimeCases]
