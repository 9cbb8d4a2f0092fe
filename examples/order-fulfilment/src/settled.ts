import type { Company } from './company.ts'

/** Without any progress for this long, what is missing is taken for lost. Milliseconds; longer than any backoff here. */
const STALLED = 30_000
const LOOK_EVERY = 50

/**
 * Resolves once every event is handled or in a dead-letter queue, or nothing has moved for half a minute; the
 * verdict then says what is missing.
 */
export async function allSettled(company: Company): Promise<void> {
  const { ledger } = company
  let before = ''
  let movedAt = performance.now()
  while (ledger.missing > 0) {
    const { retried, deadLettered } = company.setbacks
    const now = [ledger.handled, ledger.missing, retried, deadLettered].join()
    if (now !== before) movedAt = performance.now()
    else if (performance.now() - movedAt > STALLED) return
    // Only when nothing moves: while events flow, the queues are not the place to look.
    else if (deadLettered > 0) await company.readDeadLetters()
    before = now
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY))
  }
}
