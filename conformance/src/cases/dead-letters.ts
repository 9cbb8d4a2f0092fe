import type { ConformanceCase } from '../model/case.ts'
import { contentCases } from './dead-letters/contents.ts'
import { queueCases } from './dead-letters/queue.ts'
import { redriveCases } from './dead-letters/redrive.ts'
import { writingCases } from './dead-letters/writing.ts'

/** Dead letters: what is kept of an event, that it is neither lost nor doubled, and the way back. */
export const deadLetterCases: readonly ConformanceCase[] = [
  ...contentCases,
  ...writingCases,
  ...queueCases,
  ...redriveCases,
]
