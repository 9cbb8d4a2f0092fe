import type { CaseContext } from '../../model/case.ts'

/** A promise that resolves after `ms` of the case's clock: for handlers, which cannot move time themselves. */
export function elapsed(t: CaseContext, ms: number): Promise<void> {
  return new Promise(resolve => void t.clock.setTimer(ms, resolve))
}
