import type { CloudEventInput } from '../cloudevents/event.ts'
import type { TypedDelivery } from '../consuming/delivery.ts'
import type { PublishReceipt } from '../publishing/publish.ts'

/** A publish on its way, before validation. Middleware may replace the event of a publish built from a contract. */
export interface PublishContext {
  readonly topic: string
  /** Whether core built the event from a contract; events passed whole must go out as they came. */
  readonly built: boolean
  event: CloudEventInput
  headers: [name: string, value: string | Uint8Array][]
}

export type PublishMiddleware = (
  context: PublishContext,
  next: () => Promise<PublishReceipt>,
) => Promise<PublishReceipt>

/**
 * Wraps the handlers of `subscribe`; what it throws counts as the handler's. It must call `next` once, and return after it.
 * Batch handlers and streams are not wrapped: they have no single delivery.
 */
export type HandleMiddleware = (delivery: TypedDelivery, next: () => Promise<unknown>) => Promise<unknown>
