import type { Case } from '../measure.ts'
import { codecCases } from './codec.ts'
import { dispatchCases } from './dispatch.ts'
import { publishCases } from './publish.ts'

export const coreScenario: readonly Case[] = [...publishCases, ...dispatchCases, ...codecCases]
