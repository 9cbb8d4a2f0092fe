import type { Settlement, SettlementResult } from '../adapter/subscription.ts'
import type { SettledAs } from '../instrumentation/instrumentation.ts'
import type { RetryBudget } from '../retry/index.ts'
import type { Clock } from '../time/clock.ts'
import { Counters } from './counters.ts'
import { deadMetadata, retryMetadata } from './failure-metadata.ts'
import type { Held } from './held.ts'
import type { Holding } from './holding.ts'
import type { Settler } from './settler.ts'
import type { Verdict } from './verdict.ts'

export interface SettlementsOptions {
  readonly topic: string
  readonly group: string | undefined
  readonly clock: Clock
  readonly holding: Holding
  readonly settler: Settler
  /** Earns retries as events are handled. */
  readonly budget: RetryBudget | undefined
  readonly onSettled: ((held: Held, as: SettledAs, reason: string | undefined) => void) | undefined
}

/** Dead without any handler having started. */
const NEVER_STARTED: ReadonlySet<string> = new Set(['undecodable', 'schema-violation', 'unhandled-type'])

/** Turns verdicts into settlements, and keeps those of a key in order while it does. */
export class Settlements {
  readonly counters = new Counters()
  readonly #o: SettlementsOptions

  constructor(options: SettlementsOptions) {
    this.#o = options
  }

  /** @param ran whether its handler was started. */
  settle(held: Held, verdict: Verdict, ran: boolean): void {
    if (held.state !== 'waiting' && held.state !== 'running') return
    if (held.settledFirst) {
      held.state = 'gone'
      if (verdict.kind === 'ack') this.counters[verdict.count]++
      return
    }
    if (held.lost || verdict.kind === 'nothing') {
      held.state = held.lost ? 'gone' : 'left'
      return
    }
    switch (verdict.kind) {
      case 'ack':
        this.counters[verdict.count]++
        if (verdict.count === 'handled') this.#o.budget?.earn()
        this.#send(
          held,
          { kind: 'ack', delivery: held.delivery },
          verdict.count === 'dropped' ? 'dropped' : 'ack',
        )
        return
      case 'release':
        this.#withFollowers(held, () => this.release(held))
        return
      case 'dead':
        this.#dead(held, verdict, ran)
        return
      case 'retry':
        this.#retry(held, verdict)
    }
  }

  /** Gives one back, uncounted. */
  release(held: Held): void {
    if (held.state !== 'waiting' && held.state !== 'running') return
    this.#o.holding.withdraw(held)
    this.counters.released++
    this.#send(held, { kind: 'release', delivery: held.delivery }, 'release')
  }

  releaseWaiting(): void {
    for (const held of this.#o.holding.waiting()) this.release(held)
  }

  /** A settlement's result, as the adapter reports it. */
  settled(settlement: Settlement, result: SettlementResult): void {
    const held = this.#o.holding.all.get(settlement.delivery)
    if (held === undefined) return
    if (result.status === 'failed') {
      if (held.lost) return
      // Until it succeeds, those behind it may come again before it does: they go back once more when it has.
      if (settlement.kind === 'retry' || settlement.kind === 'release') held.comesBack = true
      this.#o.settler.failed(settlement, result)
    } else if (result.status === 'lost') this.lose([held])
    else {
      // Those of its key that arrived while it was on its way back go back too, behind it.
      // By sequence this moves up the key and ends; by arrival alone it could go round for ever, so there only the first does it.
      const goesBack = settlement.kind === 'retry' || settlement.kind === 'release'
      if (goesBack && (held.comesBack || held.delivery.sequence !== undefined)) this.#releaseFollowers(held)
      this.#forget(held)
    }
  }

  /** These are somebody else's by now. What follows on their keys must not be handled before them, so it goes back too. */
  lose(gone: readonly Held[]): void {
    for (const held of gone) held.lost = true
    for (const held of gone) {
      this.counters.lost++
      this.#o.holding.withdraw(held)
      this.#releaseFollowers(held)
      this.#forget(held)
    }
  }

  #dead(held: Held, verdict: Verdict & { kind: 'dead' }, ran: boolean): void {
    const { delivery } = held
    const started = ran && !NEVER_STARTED.has(verdict.reason)
    this.counters.deadLettered++
    const meta = deadMetadata({
      envelope: delivery.envelope,
      error: verdict.error,
      failures: started ? held.attempt : delivery.failures + delivery.marks,
      now: this.#o.clock.now(),
      reason: verdict.reason,
      topic: delivery.topic,
      group: this.#o.group ?? this.#o.topic,
      key: delivery.key,
      failed: ran || verdict.error !== undefined,
    })
    this.#send(held, { kind: 'dead', delivery, meta }, 'dead', verdict.reason)
  }

  #retry(held: Held, verdict: Verdict & { kind: 'retry' }): void {
    const { clock, group, holding, onSettled } = this.#o
    const { delivery } = held
    this.counters.retried++
    if (group === undefined) {
      // Nothing of a broadcast is stored, so its retries live in this process alone.
      held.localFailures++
      held.state = 'waiting'
      onSettled?.(held, 'retry', undefined)
      holding.delay(held, verdict.delay)
      return
    }
    const now = clock.now()
    const meta = retryMetadata({
      envelope: delivery.envelope,
      error: verdict.error,
      failures: held.attempt,
      now,
    })
    const { metaRequired } = verdict
    this.#withFollowers(held, () =>
      this.#send(
        held,
        { kind: 'retry', delivery, notBefore: now + verdict.delay, meta, metaRequired },
        'retry',
      ),
    )
  }

  /** Nothing of its key may overtake one that comes again: its followers go back in one batch with it, behind it. */
  #withFollowers(held: Held, settle: () => void): void {
    held.comesBack = true
    settle()
    this.#releaseFollowers(held)
  }

  #releaseFollowers(held: Held): void {
    for (const follower of this.#o.holding.followers(held)) if (!follower.lost) this.release(follower)
  }

  #send(held: Held, settlement: Settlement, as: SettledAs, reason?: string): void {
    held.state = 'settling'
    this.#o.settler.add(settlement)
    this.#o.onSettled?.(held, as, reason)
  }

  #forget(held: Held): void {
    this.#o.settler.forget(held.delivery)
    this.#o.holding.forget(held)
  }
}
