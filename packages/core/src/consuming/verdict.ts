import type { DeadLetterReason } from '../retry/index.ts'

/** What is to become of a delivery, as core decided it; the settlement is made from it. */
export type Verdict =
  | { readonly kind: 'ack'; readonly count: 'handled' | 'ignored' | 'unhandled' | 'expired' | 'dropped' }
  | {
      readonly kind: 'retry'
      readonly delay: number
      readonly error: unknown
      readonly metaRequired: boolean
    }
  | { readonly kind: 'dead'; readonly reason: DeadLetterReason; readonly error: unknown }
  | { readonly kind: 'release' }
  /** Settle nothing: the handler ended after its abort, or somebody else owns the event by now. */
  | { readonly kind: 'nothing' }

export const HANDLED: Verdict = { kind: 'ack', count: 'handled' }
export const IGNORED: Verdict = { kind: 'ack', count: 'ignored' }
export const UNHANDLED: Verdict = { kind: 'ack', count: 'unhandled' }
export const EXPIRED: Verdict = { kind: 'ack', count: 'expired' }
export const DROPPED: Verdict = { kind: 'ack', count: 'dropped' }
export const RELEASE: Verdict = { kind: 'release' }
export const NOTHING: Verdict = { kind: 'nothing' }
