import type { Bus, BusOptions } from '@busbar/core'
import type { Adapter, Capabilities, CapabilityId } from '@busbar/core/adapter'
import type { Clock, Random } from '@busbar/core/time'
import type { FaultId, Faults } from './faults.ts'
import type { RawClient } from './raw-client.ts'
import type { Visitors } from './visitors.ts'

/** One thing every adapter must do, as plain data. */
export interface ConformanceCase {
  /** Stable and versioned: `area.behaviour@1`. A changed meaning gets a new version, never the old id. */
  readonly id: string
  /** The behaviour in one sentence, as a promise to users. */
  readonly title: string
  /** Capabilities without which the case makes no sense. Where one is unsupported, its typed refusal is checked instead. */
  readonly requires: readonly CapabilityId[]
  /** Fault injectors it needs. Where the harness has none, the case is reported `not-proven`. */
  readonly faults?: readonly FaultId[]
  /** Numbers in `behaviours/behaviours.ts` (the list of behaviours, 1 to 135) that it proves, in whole or in part. */
  readonly covers?: readonly number[]
  /** Needs an independent client on the wire; without one, `not-proven`. */
  readonly raw?: true
  /** Needs adapters that come to a broker with TLS and logins; without them, `not-proven`. */
  readonly visitors?: true
  /** Runs once for each value, given to `run`. */
  readonly permutations?: readonly Permutation[]
  /** Milliseconds of real time after which the case fails. Default 30,000. */
  readonly timeLimit?: number
  /** How a demand for the unsupported capability is made, when `requires` is unmet: it must reject with CAPABILITY_UNSUPPORTED. Default: `createBus` with `requires`. */
  readonly demand?: (t: CaseContext) => Promise<unknown>
  /** Throws (`node:assert`) when the adapter falls short. */
  readonly run: (t: CaseContext, permutation: Permutation) => Promise<void>
}

/** A named variation of a case. */
export interface Permutation {
  /** Becomes part of the reported id: `delivery.round-trip@1[structured]`. */
  readonly name: string
  readonly [option: string]: unknown
}

/** What a running case works with. Everything it opens is closed after it. */
export interface CaseContext {
  readonly capabilities: Capabilities
  readonly clock: Clock
  readonly random: Random
  /** Names of its own for this run of the case, so that cases share a broker without meeting. */
  readonly prefix: string
  /**
   * A bus on the adapter under test, as from a process of its own: another client name, another connection. `client`
   * names it to `faults` (default `client-1`, `client-2`, …). Prefix, clock, random source, logger and `onError` are the
   * case's own unless `options` names others; a prefix of another should be made from `t.prefix`. `adapter` replaces the one
   * under test.
   */
  bus(options?: BusOptions & { readonly client?: string; readonly adapter?: Adapter }): Promise<Bus>
  /**
   * Waits until `condition` holds: on a virtual clock by moving time from timer to timer, on real brokers by polling.
   * Conditions may be asynchronous. Fails with `what` after `limit` milliseconds of the case's clock (default 20,000 real, 3,600,000 virtual).
   */
  until(condition: () => boolean | Promise<boolean>, what: string, limit?: number): Promise<void>
  /** Waits for `promise`, letting time pass as `until` does. A plain `await` lets no virtual time pass. */
  within<T>(promise: Promise<T>, what: string, limit?: number): Promise<T>
  /** Lets `ms` of the case's clock pass, for behaviour that is about time; never to wait for a result. */
  pass(ms: number): Promise<void>
  /** Injectors named in the case's `faults` are there. */
  readonly faults: Faults
  /** Present when the case says `raw`. */
  readonly raw: RawClient
  /** Present when the case says `visitors`. */
  readonly visitors: Visitors
  /** Errors that buses of this case reported in the background; a case that provokes none may assert it is empty. */
  readonly backgroundErrors: readonly unknown[]
  /** Log lines above debug from buses of this case. */
  readonly logged: readonly { readonly level: 'info' | 'warn' | 'error'; readonly message: string }[]
  /** Aborts at the time limit. */
  readonly signal: AbortSignal
}
