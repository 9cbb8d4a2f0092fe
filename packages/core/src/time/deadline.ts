import type { Clock, Timer } from './clock.ts'

/** A point in time that several waits share. `signal` aborts when it passes. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
  /** Resolves to `promise`'s value, or to `late` once the deadline has passed. */
  race<T, L>(promise: Promise<T>, late: L): Promise<T | L>
}

/** Brings a deadline forward: to `grace` milliseconds after `signal` aborts. */
export interface Hurry {
  readonly signal: AbortSignal
  readonly grace: number
}

/** A deadline `ms` from now. It keeps the process alive until disposed: somebody is waiting. */
export function deadlineIn(clock: Clock, ms: number, hurry?: Hurry): Deadline {
  const controller = new AbortController()
  const end = clock.now() + ms
  let timer: Timer
  const arm = (wait: number) => {
    timer = clock.setTimer(wait, () => controller.abort(), { keepAlive: true })
  }
  const onHurry = () => {
    timer.cancel()
    if (hurry?.grace === 0) controller.abort()
    else arm(Math.min(hurry?.grace ?? 0, Math.max(0, end - clock.now())))
  }
  arm(ms)
  hurry?.signal.addEventListener('abort', onHurry, { once: true })
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
    [Symbol.dispose]() {
      timer.cancel()
      hurry?.signal.removeEventListener('abort', onHurry)
    },
  }
}
