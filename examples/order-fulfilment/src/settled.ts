import type { Company } from './company.ts'

/** Without any progress for this long, what is missing is taken for lost. Milliseconds; longer than any backoff here. */
const STALLED = 30_000
const LOOK_EVERY = 50

/**
 * Resolves once every event is handled or in a dead-letter queue (true), or nothing has moved for half a minute or
 * `signal` has aborted (false).
 */
export async function allSettled(company: Company, signal: AbortSignal): Promise<boolean> {
  const { ledger } = company
  let before = ''
  let movedAt = performance.now()
  while (!signal.aborted) {
    if (ledger.missing === 0) return true
    const { retried, deadLettered } = company.setbacks
    const now = [ledger.handled, ledger.missing, retried, deadLettered].join()
    if (now !== before) movedAt = performance.now()
    else if (performance.now() - movedAt > STALLED) return false
    // Only when nothing moves: while events flow, the queues are not the place to look.
    else if (deadLettered > 0) await company.readDeadLetters()
    before = now
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY))
  }
  return false
}
