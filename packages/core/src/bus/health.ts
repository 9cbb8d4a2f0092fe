import type { ConnectionState } from '../adapter/adapter.ts'
import type { SubscriptionState, SubscriptionStats } from '../consuming/subscription.ts'

export interface Health {
  /** `live` only when the connection and every subscription are. */
  readonly status: 'live' | 'degraded' | 'closed'
  readonly connection: ConnectionState
  readonly subscriptions: readonly {
    readonly topic: string
    readonly group: string | undefined
    readonly state: SubscriptionState
    readonly running: number
    /** Milliseconds the oldest running handler has been at it. */
    readonly oldestRunning: number | undefined
    /** A handler has been running for longer than 10 leases without an end in sight. */
    readonly stuck: boolean
  }[]
}

export interface BusStats {
  readonly published: number
  readonly publishFailed: number
  /** Sent again because the confirmation was lost. */
  readonly publishRetried: number
  readonly publishing: number
  readonly requests: {
    readonly sent: number
    readonly pending: number
    readonly timedOut: number
    readonly lateReplies: number
  }
  readonly subscriptions: readonly ({
    readonly topic: string
    readonly group: string | undefined
  } & SubscriptionStats)[]
}
