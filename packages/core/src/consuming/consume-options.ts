import type { StartPosition } from '../adapter/subscription.ts'
import type { KillSwitchOptions, RetryPolicyInput } from '../retry/index.ts'

export interface ConsumeOptions {
  /** The group of competing consumers. Absent: ephemeral broadcast. */
  readonly group?: string
  /** Where a new group begins. Default `new`. */
  readonly start?: StartPosition
  /** Handlers (of batches: calls) that run at the same time. Default 16. Not for streams, which are pulled. */
  readonly concurrency?: number
  /** The most deliveries held unsettled, running ones included. Default 4 × concurrency. */
  readonly prefetch?: number
  readonly retry?: RetryPolicyInput
  /** Pauses the subscription while its downstream fails. Off by default. */
  readonly killSwitch?: KillSwitchOptions | boolean
  /** Events of a type that no handler names. Default `ack`, counted. Raw topics name every type. */
  readonly unhandled?: 'ack' | 'dead-letter' | 'retry'
  /** Milliseconds a delivery is ours before it must be renewed; renewal is automatic. Default 30,000. */
  readonly lease?: number
}

export interface BatchOptions extends ConsumeOptions {
  readonly batch: {
    /** The most items in one call. */
    readonly max: number
    /** Milliseconds to wait for more once there is one. Default 0: what is there. */
    readonly wait?: number
  }
}
