import type { Case } from '../measure.ts'
import { codecCases } from './codec.ts'
import { dispatchCases } from './dispatch.ts'
import { publishCases } from './publish.ts'
import { requestCases } from './requests.ts'

export const coreScenario: readonly Case[] = [
  ...publishCases,
  ...dispatchCases,
  ...requestCases,
  ...codecCases,
]
