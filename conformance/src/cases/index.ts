import type { ConformanceCase } from '../model/case.ts'
import { attemptsCases } from './attempts.ts'
import { backpressureCases } from './backpressure.ts'
import { batchingCases } from './batching.ts'
import { cloudEventsCases } from './cloudevents.ts'
import { configurationCases } from './configuration.ts'
import { connectingCases } from './connecting.ts'
import { deadLetterCases } from './dead-letters.ts'
import { deliveryCases } from './delivery.ts'
import { expiryAndReplayCases } from './expiry-and-replay.ts'
import { groupsCases } from './groups.ts'
import { observabilityCases } from './observability.ts'
import { orderingCases } from './ordering.ts'
import { poisonCases } from './poison.ts'
import { provisioningCases } from './provisioning.ts'
import { reconnectCases } from './reconnect.ts'
import { requestCases } from './requests.ts'
import { retryCases } from './retry.ts'
import { routingCases } from './routing.ts'
import { settlementCases } from './settlement.ts'
import { shutdownCases } from './shutdown.ts'

/** Every case, area by area. */
export const allCases: readonly ConformanceCase[] = [
  ...deliveryCases,
  ...settlementCases,
  ...attemptsCases,
  ...orderingCases,
  ...groupsCases,
  ...routingCases,
  ...batchingCases,
  ...backpressureCases,
  ...requestCases,
  ...retryCases,
  ...deadLetterCases,
  ...cloudEventsCases,
  ...shutdownCases,
  ...reconnectCases,
  ...poisonCases,
  ...expiryAndReplayCases,
  ...provisioningCases,
  ...configurationCases,
  ...connectingCases,
  ...observabilityCases,
]
