import type { Sink, Subscription, SubscriptionSpec } from '@busbar/core/adapter'
import type { JetStreamApi } from '../link/api.ts'
import type { Names } from '../names.ts'
import type { Place } from '../topology/provisioner.ts'
import type { ContentMode } from '../wire/outgoing.ts'

export interface SubscriptionOptions {
  readonly api: JetStreamApi
  readonly names: Names
  readonly spec: SubscriptionSpec
  readonly place: Place
  readonly inboxPrefix: string
  /** Milliseconds without a sign of life after which the server gives a delivery to others. */
  readonly ackWait: number
  readonly mode: ContentMode
  readonly sink: (subscription: Subscription) => Sink
  readonly onError: (error: unknown, where: string) => void
  /** Makes the consumer again, or says why not. */
  readonly restore: () => Promise<void>
  readonly onClosed: () => Promise<void>
}
