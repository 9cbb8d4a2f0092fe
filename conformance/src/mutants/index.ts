import type { Mutant } from '../model/mutant.ts'
import { attemptMutants } from './attempts.ts'
import { busBatchMutants } from './bus-batches.ts'
import { busHandlingMutants } from './bus-handling.ts'
import { busLifecycleMutants } from './bus-lifecycle.ts'
import { busPublishingMutants } from './bus-publishing.ts'
import { busRequestMutants } from './bus-requests.ts'
import { busStreamMutants } from './bus-streams.ts'
import { busSubscriptionMutants } from './bus-subscriptions.ts'
import { deadLetterAccessMutants } from './dead-letter-access.ts'
import { deadLetterMutants } from './dead-letters.ts'
import { envelopeMutants } from './envelope.ts'
import { groupMutants } from './groups.ts'
import { lifecycleMutants } from './lifecycle.ts'
import { orderingMutants } from './ordering.ts'
import { publishingMutants } from './publishing.ts'
import { requestMutants } from './requests.ts'
import { routingMutants } from './routing.ts'
import { settlementMutants } from './settlement.ts'
import { topologyMutants } from './topology.ts'
import { windowMutants } from './window.ts'

/** Every mutant, area by area: adapters first, then the bus above them. */
export const allMutants: readonly Mutant[] = [
  ...publishingMutants,
  ...envelopeMutants,
  ...settlementMutants,
  ...attemptMutants,
  ...orderingMutants,
  ...groupMutants,
  ...routingMutants,
  ...requestMutants,
  ...deadLetterMutants,
  ...deadLetterAccessMutants,
  ...windowMutants,
  ...lifecycleMutants,
  ...topologyMutants,
  ...busPublishingMutants,
  ...busHandlingMutants,
  ...busBatchMutants,
  ...busSubscriptionMutants,
  ...busStreamMutants,
  ...busRequestMutants,
  ...busLifecycleMutants,
]
