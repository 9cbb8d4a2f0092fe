import type { Bus } from '@busbar/core'
import type { Ledger } from './ledger.ts'

/** What every service gets. */
export interface Service {
  readonly bus: Bus
  readonly ledger: Ledger
}

/** Stands in for the time that a bank or a parcel service takes, in milliseconds. */
export const workFor = (duration: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, duration)
    signal.addEventListener('abort', onAbort, { once: true })
  })
