import type { Adapter, Capabilities } from '@busbar/core/adapter'
import type { Clock } from '@busbar/core/time'
import type { Faults } from './faults.ts'
import type { RawClient } from './raw-client.ts'
import type { Visitors } from './visitors.ts'

/**
 * What an adapter's author gives the suite: how to reach a broker. About ten lines for most.
 */
export interface Harness {
  /** The adapter's name in reports. */
  readonly name: string
  /**
   * The servers it can run on, for adapters that speak to more than one: other versions, compatible products. The first is the
   * default. Absent: there is nothing to choose.
   */
  readonly servers?: readonly string[]
  /**
   * Called once for a run (on the embedded broker, once for each case: it is cheap, and each gets its own time). `server` is one of
   * `servers`; absent, the first of them.
   */
  open(options?: { readonly server?: string }): Promise<Environment>
  /** Whether each case gets an environment of its own. Default false. */
  readonly isolated?: boolean
}

export interface Environment {
  /** An adapter as a process of its own would make it. */
  adapter(options: { readonly client: string }): Adapter
  /** Time that the suite moves. Absent: real time. */
  readonly time?: VirtualTime
  readonly faults?: Faults
  /** The plain client, for topics of the buses that have this prefix. */
  readonly raw?: (prefix: string) => RawClient
  /** Adapters that come to a broker with TLS and logins, rightly and wrongly. Those that need it are not proven without. */
  readonly visitors?: Visitors
  /** A case is over and its buses are closed: removes from the broker what they made under its prefix. */
  readonly cleanUp?: (prefix: string) => Promise<void>
  close(): Promise<void>
}

export interface VirtualTime extends Clock {
  /** Timers that wait. After a case whose buses are closed there must be none. */
  readonly pending: number
  /** When the next timer is due, in milliseconds since the epoch. */
  readonly nextDue: number | undefined
  advance(ms: number): Promise<void>
  advanceUntil(condition: () => boolean, limit?: number): Promise<void>
}

/** A case's status in a report. `refused`: an unsupported capability was refused as it should be. */
export type CaseStatus = 'pass' | 'fail' | 'refused' | 'not-proven' | 'skipped'

export interface CaseResult {
  readonly id: string
  readonly title: string
  readonly status: CaseStatus
  readonly ms: number
  /** Why it failed, is not proven, or was skipped. */
  readonly reason?: string
}

export interface ConformanceReport {
  readonly adapter: string
  /** The server's name and version. */
  readonly version: string
  readonly capabilities: Capabilities
  readonly cases: readonly CaseResult[]
  readonly summary: Readonly<Record<CaseStatus, number>> & { readonly total: number; readonly ms: number }
}
