/**
 * Notices what no promise and no callback reported: an unhandled rejection or an uncaught exception while cases run. Nobody
 * can say which of several running cases caused it, so each of them gets it.
 */
export interface StrayErrors {
  /** Collects into the array until `stop` is called. */
  watch(): { readonly errors: readonly unknown[]; stop(): void }
  close(): void
}

export function strayErrors(): StrayErrors {
  const watchers = new Set<unknown[]>()
  const notice = (error: unknown) => {
    for (const errors of watchers) errors.push(error)
  }
  process.on('unhandledRejection', notice)
  process.on('uncaughtException', notice)
  return {
    watch() {
      const errors: unknown[] = []
      watchers.add(errors)
      return { errors, stop: () => void watchers.delete(errors) }
    },
    close() {
      process.off('unhandledRejection', notice)
      process.off('uncaughtException', notice)
    },
  }
}
