import type { Delivery, Settlement, SettlementResult, Sink, Subscription } from '../adapter/subscription.ts'
import { BusError, isBusError } from '../errors/bus-error.ts'
import type { SettledAs } from '../instrumentation/instrumentation.ts'
import type { KillSwitchOptions, RetryBudget } from '../retry/index.ts'
import type { Clock } from '../time/clock.ts'
import { deadlineIn } from '../time/deadline.ts'
import { type Held, leaseLost, stopped } from './held.ts'
import { Holding } from './holding.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import type { Processor } from './processor.ts'
import { Runner } from './runner.ts'
import { Settlements } from './settlements.ts'
import { Settler } from './settler.ts'
import type { SubscriptionState, SubscriptionStats } from './subscription.ts'
import type { SuspectGate } from './suspect-gate.ts'
import { Tripping } from './tripping.ts'

export interface EngineOptions {
  readonly topic: string
  readonly group: string | undefined
  readonly ordered: boolean
  readonly concurrency: number
  readonly prefetch: number
  /** Milliseconds. */
  readonly lease: number
  readonly killSwitch: KillSwitchOptions | undefined
  readonly budget: RetryBudget | undefined
  readonly clock: Clock
  readonly gate: SuspectGate
  readonly gated: boolean
  readonly processor: Processor
  readonly onError: (error: BusError, where: string) => void
  readonly onSettled: ((held: Held, as: SettledAs, reason: string | undefined) => void) | undefined
}

/** What a stop had to leave behind. */
export interface Abandoned {
  /** Handlers that had not ended. */
  readonly running: number
  /** Events that were handled, or should have been given back, and could not be settled. */
  readonly unsettled: number
}

/** How long a close waits for the adapter, in milliseconds; a drain has its deadline. */
const GOODBYE = 2_000

/**
 * One subscription's flow: takes deliveries from the adapter within the window, starts them within the concurrency, and
 * settles them as the processor decides. It is the adapter's {@link Sink}.
 */
export class Engine implements Sink {
  readonly #o: EngineOptions
  readonly #subscription: Subscription
  readonly #settler: Settler
  readonly #settlements: Settlements
  readonly #holding: Holding
  readonly #runner: Runner
  readonly #tripping: Tripping
  readonly #leases: LeaseKeeper
  readonly #changeWaiters: (() => void)[] = []
  #concurrency: number
  #prefetch: number
  #paused = false
  #link: 'live' | 'reconnecting' | 'failed' = 'live'
  #phase: 'open' | 'draining' | 'closed' = 'open'
  #closing: Promise<Abandoned> | undefined
  readonly #hurry = new AbortController()

  constructor(subscription: Subscription, options: EngineOptions) {
    const { clock, processor, gate, gated, topic, group } = options
    this.#o = options
    this.#subscription = subscription
    this.#concurrency = options.concurrency
    this.#prefetch = options.prefetch
    const onError = (error: BusError) => this.#report(error)
    this.#holding = new Holding(clock, options.ordered, () => this.#runner.pump())
    this.#settler = new Settler(clock, subscription, onError)
    this.#settlements = new Settlements({ ...options, holding: this.#holding, settler: this.#settler })
    this.#tripping = new Tripping({
      clock,
      name: `"${topic}"${group === undefined ? '' : ` of group "${group}"`}`,
      killSwitch: options.killSwitch,
      onChange: () => this.#onTrip(),
      onError,
    })
    this.#runner = new Runner({
      clock,
      processor,
      gate,
      gated,
      holding: this.#holding,
      settler: this.#settler,
      mark: deliveries => subscription.mark(deliveries),
      limit: () => (this.#halted ? 0 : this.#tripping.state === 'probing' ? 1 : this.#concurrency),
      probing: () => this.#tripping.state === 'probing',
      settle: (held, verdict, ran) => {
        if (ran) this.#tripping.record(held, verdict)
        this.#settlements.settle(held, verdict, ran)
      },
      onEnded: () => this.#changed(),
      onError,
    })
    this.#leases = new LeaseKeeper({
      clock,
      lease: options.lease,
      held: this.#holding.all,
      renew: (deliveries, lease) => subscription.extend(deliveries, lease),
      onLost: deliveries => this.lost({ deliveries }),
      onError: cause =>
        onError(new BusError('SETTLEMENT_FAILED', 'leases could not be renewed', { cause, retryable: true })),
    })
  }

  // --- what the adapter calls -------------------------------------------------------------------------------------

  deliver(batch: readonly Delivery[]): void {
    if (this.#phase === 'closed') return
    const now = this.#o.clock.now()
    for (const delivery of batch) this.#holding.take(delivery, now)
    this.#leases.watch()
    if (this.#halted) this.#settlements.releaseWaiting()
    else this.#runner.pump()
  }

  settled(batch: readonly Settlement[], result: SettlementResult): void {
    for (const settlement of batch) this.#settlements.settled(settlement, result)
    this.#changed()
  }

  async revoking(lanes: readonly string[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const affected = new Set(lanes)
    const inLanes = () => [...this.#holding.all.values()].filter(held => affected.has(held.delivery.lane))
    const aborted = new Promise<void>(resolve =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    for (const held of inLanes()) if (held.state === 'waiting') this.#settlements.release(held)
    while (!signal.aborted && this.#phase !== 'closed' && inLanes().length > 0) {
      await Promise.race([this.#nextChange(), aborted])
    }
  }

  lost(what: { readonly lane: string } | { readonly deliveries: readonly Delivery[] } | 'all'): void {
    const { all } = this.#holding
    const gone =
      what !== 'all' && 'deliveries' in what
        ? what.deliveries.flatMap(delivery => all.get(delivery) ?? [])
        : [...all.values()].filter(held => what === 'all' || held.delivery.lane === what.lane)
    for (const held of gone) if (held.state === 'running') held.abort(leaseLost())
    this.#settlements.lose(gone)
    this.#changed()
  }

  state(state: 'live' | 'reconnecting' | 'failed', cause?: unknown): void {
    this.#link = state
    if (state !== 'failed') return
    this.#report(
      isBusError(cause)
        ? cause
        : new BusError('CONNECTION_LOST', `the subscription of "${this.#o.topic}" could not be restored`, {
            cause,
            remedy: 'see the cause; subscribe again once it is mended',
          }),
    )
  }

  // --- what the bus calls -----------------------------------------------------------------------------------------

  start(): void {
    this.#applyWindow()
  }

  /** Starts what may be started; streams call it when a reader waits. */
  pump(): void {
    this.#runner.pump()
  }

  get publicState(): SubscriptionState {
    if (this.#phase !== 'open') return this.#phase
    if (this.#link !== 'live') return this.#link
    if (this.#paused) return 'paused'
    return this.#tripping.state === 'closed' ? 'live' : 'tripped'
  }

  get stats(): SubscriptionStats {
    const { running } = this.#runner
    let oldestStart: number | undefined
    for (const held of running) oldestStart = Math.min(oldestStart ?? held.startedAt, held.startedAt)
    return { held: this.#holding.all.size, running: running.size, ...this.#settlements.counters, oldestStart }
  }

  pause(): void {
    this.#assertOpen()
    this.#paused = true
    this.#applyWindow()
    this.#settlements.releaseWaiting()
  }

  resume(): void {
    this.#assertOpen()
    this.#paused = false
    this.#applyWindow()
    this.#runner.pump()
  }

  setConcurrency(concurrency: number): void {
    this.#assertOpen()
    const { prefetch, processor } = this.#o
    if (concurrency > prefetch) {
      // Brokers are told the largest window when the subscription is made.
      throw new BusError(
        'INVALID_OPTIONS',
        `setConcurrency: concurrency: ${concurrency} is more than the prefetch of ${prefetch}`,
        {
          field: 'concurrency',
          remedy: `subscribe with a prefetch of at least ${concurrency}`,
        },
      )
    }
    // Fewer handlers hold back no more than they need.
    const proportional = Math.round((prefetch / this.#o.concurrency) * concurrency)
    this.#prefetch = Math.min(prefetch, Math.max(concurrency, proportional, processor.batchSize))
    this.#concurrency = concurrency
    this.#applyWindow()
    this.#runner.pump()
  }

  /** Finishes what runs, releases the rest, closes, all within `ms`; what had to be abandoned. */
  drain(ms: number): Promise<Abandoned> {
    this.#closing ??= this.#stop(ms)
    return this.#closing
  }

  /** Aborts what runs and closes; cuts a drain short. */
  async close(): Promise<void> {
    this.#hurry.abort()
    await this.drain(0)
  }

  /** The adapter could not subscribe: nothing was delivered, and nothing will be. */
  discard(): void {
    this.#phase = 'closed'
    this.#runner.stop()
    this.#settler.close()
  }

  async #stop(ms: number): Promise<Abandoned> {
    const { clock, processor } = this.#o
    const hurry = this.#hurry.signal
    using deadline = deadlineIn(clock, ms, { signal: hurry, grace: 0 })
    using goodbye = deadlineIn(clock, ms === 0 ? GOODBYE : ms, { signal: hurry, grace: GOODBYE })
    const { signal } = goodbye
    const quietly = (step: Promise<unknown>) =>
      goodbye.race(
        step.catch(error => this.#report(asBusError(error))),
        undefined,
      )
    this.#phase = 'draining'
    this.#tripping.stop()
    this.#runner.stop()
    processor.end?.()
    const stopping = quietly(this.#subscription.stop({ signal }))
    this.#settlements.releaseWaiting()
    if (ms > 0) await deadline.race(this.#idle(), undefined)
    const abandoned = { running: this.#runner.running.size, unsettled: ms > 0 ? this.#holding.all.size : 0 }
    this.#abortRunning()
    await stopping
    // What arrived while stopping goes back too.
    this.#settlements.releaseWaiting()
    await quietly(this.#subscription.flush({ signal }))
    this.#phase = 'closed'
    this.#settler.close()
    this.#leases.stop()
    this.#holding.cancelDelays()
    await quietly(this.#subscription.close({ signal }))
    this.#holding.clear()
    this.#changed()
    return abandoned
  }

  // ----------------------------------------------------------------------------------------------------------------

  get #halted(): boolean {
    return this.#phase !== 'open' || this.#paused || this.#tripping.state === 'open'
  }

  #applyWindow(): void {
    this.#subscription.window(this.#halted ? 0 : this.#tripping.state === 'probing' ? 1 : this.#prefetch)
  }

  #onTrip(): void {
    if (this.#phase !== 'open') return
    this.#applyWindow()
    if (this.#tripping.state === 'open') this.#settlements.releaseWaiting()
    // Not at once: the switch may have changed in the middle of a start.
    else queueMicrotask(() => this.#runner.pump())
  }

  #abortRunning(): void {
    for (const held of this.#runner.running) held.abort(stopped())
  }

  async #idle(): Promise<void> {
    while (this.#holding.busy || this.#runner.jobs > 0) await this.#nextChange()
  }

  #nextChange(): Promise<void> {
    return new Promise(resolve => this.#changeWaiters.push(resolve))
  }

  #changed(): void {
    this.#runner.pump()
    if (this.#changeWaiters.length > 0) for (const wake of this.#changeWaiters.splice(0)) wake()
  }

  #assertOpen(): void {
    if (this.#phase === 'open') return
    throw new BusError('SUBSCRIPTION_CLOSED', `the subscription of "${this.#o.topic}" is ${this.#phase}`, {
      remedy: 'subscribe again',
    })
  }

  #report(error: BusError): void {
    const { topic, group } = this.#o
    this.#o.onError(error, `subscription ${topic}${group === undefined ? '' : `/${group}`}`)
  }
}

const asBusError = (error: unknown): BusError =>
  isBusError(error) ? error : new BusError('INTERNAL', 'the adapter failed while stopping', { cause: error })
