import type { ConformanceCase } from '../model/case.ts'
import { builtEventCases } from './cloudevents/built-events.ts'
import { dataCases } from './cloudevents/data.ts'
import { headerCases } from './cloudevents/headers.ts'
import { refusalCases } from './cloudevents/refusals.ts'
import { attributeCases } from './cloudevents/round-trips.ts'
import { sizeCases } from './cloudevents/size.ts'
import { wireCases } from './cloudevents/wire.ts'

/** CloudEvents: what goes in comes out, in both content modes, and what is no event never goes in. */
export const cloudEventsCases: readonly ConformanceCase[] = [
  ...attributeCases,
  ...dataCases,
  ...builtEventCases,
  ...headerCases,
  ...refusalCases,
  ...sizeCases,
  ...wireCases,
]
