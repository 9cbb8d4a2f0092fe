export interface SubscriptionStats {
  /** Deliveries held, running ones included. */
  readonly held: number
  readonly running: number
  readonly handled: number
  readonly retried: number
  readonly deadLettered: number
  readonly released: number
  readonly ignored: number
  /** Acked because no handler names their type. */
  readonly unhandled: number
  readonly expired: number
  /** Dropped by a broadcast subscription after its last attempt. */
  readonly dropped: number
  /** Deliveries that were taken away while held. */
  readonly lost: number
  /** Start of the oldest running handler, milliseconds since the epoch. */
  readonly oldestStart: number | undefined
}

export type SubscriptionState =
  | 'live'
  | 'paused'
  | 'tripped'
  | 'reconnecting'
  | 'failed'
  | 'draining'
  | 'closed'

/** What `subscribe` and `respond` give back. */
export interface BusSubscription extends AsyncDisposable {
  readonly topic: string
  readonly group: string | undefined
  readonly state: SubscriptionState
  readonly stats: SubscriptionStats
  /** Takes no more; what runs goes on, what waits is released. The broker session stays. */
  pause(): void
  resume(): void
  /**
   * Takes effect at once; running handlers are not cut short. Up to the prefetch the subscription was made with.
   * @throws BusError INVALID_OPTIONS, SUBSCRIPTION_CLOSED.
   */
  setConcurrency(concurrency: number): void
  /** Finishes what runs, releases the rest, closes. Aborts handlers at `deadline` milliseconds (default 30,000). */
  drain(options?: { readonly deadline?: number }): Promise<void>
  /** Aborts handlers and closes; what was unsettled goes back to the group. */
  close(): Promise<void>
}

/** An async iteration with settlement by hand. Leaving the loop closes it; what is unsettled goes back. */
export interface EventStream<D> extends AsyncIterable<D>, AsyncDisposable {
  /** Resolves when the next published event will be seen. Iterating waits for it by itself. */
  ready(): Promise<void>
  readonly stats: SubscriptionStats
  close(): Promise<void>
}
