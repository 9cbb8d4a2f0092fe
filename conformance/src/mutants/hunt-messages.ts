import type { CaseStatus } from '../model/harness.ts'

/** What a worker of a hunt is told. */
export interface HuntOrder {
  /** The mutant's place in the list; {@link NO_MUTANT} for the adapter as it is. */
  readonly mutant: number
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

export const NO_MUTANT = -1
