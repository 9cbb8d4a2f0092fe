import type { Clock } from './clock.ts'

/** A point in time that several waits share. `signal` aborts when it passes. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
  /** Resolves to `promise`'s value, or to `late` once the deadline has passed. */
  race<T, L>(promise: Promise<T>, late: L): Promise<T | L>
}

/** A deadline `ms` from now. It keeps the process alive until disposed: somebody is waiting. */
export function deadlineIn(clock: Clock, ms: number): Deadline {
  const controller = new AbortController()
  const timer = clock.setTimer(ms, () => controller.abort(), { keepAlive: true })
  return {
    signal: controller.signal,
    race(promise, late) {
      if (controller.signal.aborted) {
        promise.catch(() => {})
        return Promise.resolve(late)
      }
      return new Promise((resolve, reject) => {
        const onAbort = () => resolve(late)
        controller.signal.addEventListener('abort', onAbort, { once: true })
        promise.then(resolve, reject).finally(() => controller.signal.removeEventListener('abort', onAbort))
      })
    },
    [Symbol.dispose]: () => timer.cancel(),
  }
}
