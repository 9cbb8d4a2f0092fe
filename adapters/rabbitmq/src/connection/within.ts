import type { Clock } from '@busbar/core/time'
import { noAnswer } from '../errors.ts'

/** A promise that settles within `ms`, whatever the broker does. */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(ms, () => reject(noAnswer(what)), { keepAlive: true })
    promise.then(
      value => {
        timer.cancel()
        resolve(value)
      },
      error => {
        timer.cancel()
        reject(error)
      },
    )
  })
}

/** A promise that settles by the abort of `signal`: then with nothing. */
export function untilAborted(signal: AbortSignal, promise: Promise<unknown>): Promise<void> {
  // It may fail when nobody waits any more.
  promise.catch(() => {})
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    promise.then(done, done)
  })
}

/** Milliseconds, or less if aborted. */
export const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  untilAborted(
    signal,
    new Promise<void>(resolve => {
      clock.setTimer(ms, resolve, { keepAlive: true })
    }),
  )
