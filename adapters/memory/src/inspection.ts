import type { QueueKind } from './server/consumer-queue.ts'

/** What a broker holds at one moment, for tests and for looking into a running process. */
export interface Inspection {
  /** Connected clients by name. */
  readonly clients: readonly string[]
  /** Bytes of everything held, as `maxBytes` counts them. */
  readonly bytes: number
  /** Messages held, as `maxMessages` counts them. */
  readonly messages: number
  readonly topics: readonly {
    readonly prefix: string
    readonly topic: string
    readonly ordered: boolean
    readonly partitions: number
    /** Kept for replay. */
    readonly retained: number
    /** Published with a delay and not due yet. */
    readonly scheduled: number
  }[]
  readonly queues: readonly {
    readonly prefix: string
    /** As subscribed; of a wildcard group, its pattern. */
    readonly topic: string
    readonly group: string | undefined
    readonly kind: QueueKind
    readonly members: number
    readonly ready: number
    readonly inFlight: number
    readonly delayed: number
    readonly dead: number
    /** Expired before anybody got them, since the queue was made. */
    readonly expired: number
  }[]
}
