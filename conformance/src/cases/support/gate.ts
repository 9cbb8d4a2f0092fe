/** Something a handler waits at until the case lets it go on. */
export interface Gate {
  /** Resolves once the gate is open; rejects when `signal` aborts first, so that a forced stop is never held up. */
  passed(signal?: AbortSignal): Promise<void>
  open(): void
}

export function gate(): Gate {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return {
    open: () => open(),
    passed: signal => (signal === undefined ? opened : Promise.race([opened, aborted(signal)])),
  }
}

/** A handler's work that never ends by itself. Rejects when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
