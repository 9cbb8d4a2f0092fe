import type { Held } from './held.ts'
import type { Verdict } from './verdict.ts'

/** What a subscription does with its deliveries: handlers, batches, streams and responders differ here alone. */
export interface Processor {
  /** Most deliveries to start together. */
  readonly batchSize: number
  /** Milliseconds to wait for a full batch. */
  readonly batchWait: number
  /** Whether a delivery is acked as its handler starts: at most once, for requests. Default false. */
  readonly settlesFirst?: boolean
  /** How many jobs may start; streams say how many readers wait. Absent: what the concurrency leaves. */
  capacity?(): number
  /** Why a delivery has to run alone or must not run at all, decided before anything of it runs. */
  inspect(held: Held): 'run' | 'suspect' | Verdict
  /**
   * Runs what was started together and reports each verdict through `settle`, each once; the promise (if any) resolves
   * when all have ended. Never throws, never rejects.
   */
  run(batch: readonly Held[], settle: (held: Held, verdict: Verdict) => void): void | Promise<void>
  /** No further deliveries will be started. */
  end?(): void
}
