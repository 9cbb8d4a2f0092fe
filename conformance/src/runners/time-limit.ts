/** A limit in real time, on work that may never end by itself. */
export interface TimeLimit {
  /** Aborts at the limit, or when the run is stopped. */
  readonly signal: AbortSignal
  /** Waits for `work`, but not longer than the limit. */
  hold<T>(work: Promise<T>): Promise<T>
  stop(): void
}

export function timeLimit(limit: number, outer: AbortSignal | undefined): TimeLimit {
  const controller = new AbortController()
  const { signal } = controller
  const stopped = () => controller.abort(new Error('the run was stopped'))
  const late = () => controller.abort(new Error(`did not end within its time limit of ${limit} ms`))
  const timer = setTimeout(late, limit)
  outer?.addEventListener('abort', stopped, { once: true })
  if (outer?.aborted) stopped()
  return {
    signal,
    hold(work) {
      const over = new Promise<never>((_, reject) => {
        if (signal.aborted) reject(signal.reason)
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
      return Promise.race([work, over])
    },
    stop() {
      clearTimeout(timer)
      outer?.removeEventListener('abort', stopped)
    },
  }
}
