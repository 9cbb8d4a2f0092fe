import type { CaseStatus } from '../model/harness.ts'

/** What a worker of a hunt is told. */
export interface HuntOrder {
  /** The mutant's id; absent for the adapter as it is. */
  readonly mutant?: string
  /** Only runs whose id contains this text. */
  readonly filter?: string
  /** Real milliseconds a case may take. */
  readonly timeLimit: number
  /** Runs not to make: they fail on the adapter as it is, or froze a worker before. */
  readonly skip: readonly string[]
}

/** What a worker reports. */
export type HuntNews =
  | { readonly kind: 'begins'; readonly run: string }
  | { readonly kind: 'ended'; readonly run: string; readonly status: CaseStatus; readonly reason?: string }
  | { readonly kind: 'done' }
