import type { Delivery, Settlement, SettlementResult, Sink, Subscription } from '../adapter/subscription.ts'
import type { SubscriptionState, SubscriptionStats } from '../bus/bus.ts'
import { Deque } from '../collections/deque.ts'
import { BusError, isBusError } from '../errors/bus-error.ts'
import type { SettledAs } from '../instrumentation/instrumentation.ts'
import { KillSwitch, type KillSwitchOptions, type KillSwitchState, type RetryBudget } from '../retry/index.ts'
import type { Clock, Timer } from '../time/clock.ts'
import { deadlineIn } from '../time/deadline.ts'
import { deadMetadata, retryMetadata } from './failure-metadata.ts'
import { Held, leaseLost, stopped } from './held.ts'
import { KeyLanes } from './key-lanes.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { Settler } from './settler.ts'
import type { SuspectGate } from './suspect-gate.ts'
import type { Verdict } from './verdict.ts'

/** What a subscription does with its deliveries: handlers, batches, streams and responders differ here alone. */
export interface Processor {
  /** Most deliveries to start together. */
  readonly batchSize: number
  /** Milliseconds to wait for a full batch. */
  readonly batchWait: number
  /** Whether a delivery is acked as its handler starts: at most once, for requests. Default false. */
  readonly settlesFirst?: boolean
  /** How many jobs may run beside the ones that do; streams say how many readers wait. Absent: the concurrency. */
  capacity?(running: number): number
  /** Why a delivery has to run alone or must not run at all, decided before anything of it runs. */
  inspect(held: Held): 'run' | 'suspect' | Verdict
  /**
   * Runs what was started together and reports each verdict through `settle`, each once; the promise (if any) resolves
   * when all have ended. Never throws, never rejects.
   */
  run(batch: readonly Held[], settle: (held: Held, verdict: Verdict) => void): void | Promise<void>
}

export interface EngineOptions {
  readonly topic: string
  readonly group: string | undefined
  readonly ordered: boolean
  readonly concurrency: number
  readonly prefetch: number
  readonly lease: number
  readonly killSwitch: KillSwitchOptions | undefined
  /** Earns retries as events are handled. */
  readonly budget: RetryBudget | undefined
  readonly clock: Clock
  readonly gate: SuspectGate
  /** Requests neither wait at the gate nor count there. */
  readonly gated: boolean
  readonly processor: Processor
  readonly onError: (error: BusError, where: string) => void
  readonly onSettled: ((held: Held, as: SettledAs, reason: string | undefined) => void) | undefined
}

type Counter =
  | 'handled'
  | 'retried'
  | 'deadLettered'
  | 'released'
  | 'ignored'
  | 'unhandled'
  | 'expired'
  | 'dropped'
  | 'lost'

/**
 * One subscription's flow: takes deliveries from the adapter within the window, starts them within the concurrency, and
 * settles them as the processor decides. It is the adapter's {@link Sink}.
 */
export class Engine implements Sink {
  readonly options: EngineOptions
  readonly #subscription: Subscription
  readonly #settler: Settler
  readonly #leases: LeaseKeeper
  readonly #held = new Map<Delivery, Held>()
  readonly #ready = new Deque<Held>()
  readonly #lanes: KeyLanes | undefined
  readonly #running = new Set<Held>()
  readonly #delays = new Map<Held, Timer>()
  readonly #killSwitch: KillSwitch | undefined
  readonly #stopListening: () => void
  readonly #idleWaiters: (() => void)[] = []
  readonly #counters: Record<Counter, number> = {
    handled: 0,
    retried: 0,
    deadLettered: 0,
    released: 0,
    ignored: 0,
    unhandled: 0,
    expired: 0,
    dropped: 0,
    lost: 0,
  }
  #switchState: KillSwitchState = 'closed'
  #concurrency: number
  #prefetch: number
  #jobs = 0
  #batchTimer: Timer | undefined
  #batchDue = false
  #tripTimer: Timer | undefined
  #paused = false
  #link: 'live' | 'reconnecting' | 'failed' = 'live'
  #phase: 'open' | 'draining' | 'closed' = 'open'
  #waitingSuspect: { held: Held; run: (admitted: boolean) => void } | undefined
  #aloneNow = false
  #closing: Promise<void> | undefined
  #pumping = false

  constructor(subscription: Subscription, options: EngineOptions) {
    this.options = options
    this.#subscription = subscription
    this.#concurrency = options.concurrency
    this.#prefetch = options.prefetch
    this.#lanes = options.ordered ? new KeyLanes() : undefined
    this.#killSwitch =
      options.killSwitch === undefined
        ? undefined
        : new KillSwitch(options.killSwitch, state => this.#onSwitch(state))
    this.#settler = new Settler(options.clock, subscription, error => this.#report(error))
    this.#leases = new LeaseKeeper({
      clock: options.clock,
      lease: options.lease,
      held: this.#held,
      renew: (deliveries, lease) => subscription.extend(deliveries, lease),
      onLost: deliveries => this.lost({ deliveries }),
      onError: error =>
        this.#report(
          new BusError('SETTLEMENT_FAILED', 'leases could not be renewed', { cause: error, retryable: true }),
        ),
    })
    this.#stopListening = options.gated ? options.gate.onOpen(() => this.pump()) : () => {}
  }

  // --- what the adapter calls -------------------------------------------------------------------------------------

  deliver(batch: readonly Delivery[]): void {
    const now = this.options.clock.now()
    for (const delivery of batch) {
      const held = new Held(delivery, now)
      this.#held.set(delivery, held)
      if (delivery.notBefore !== undefined && delivery.notBefore > now)
        this.#holdBack(held, delivery.notBefore - now)
      else this.#enqueue(held)
    }
    this.#leases.watch()
    if (this.#halted) this.#releaseWaiting()
    else this.pump()
  }

  settled(batch: readonly Settlement[], result: SettlementResult): void {
    for (const settlement of batch) {
      if (result.status === 'failed') {
        const held = this.#held.get(settlement.delivery)
        if (held !== undefined && !held.lost) this.#settler.failed(settlement, result)
        continue
      }
      if (result.status === 'lost') {
        this.#counters.lost++
        const held = this.#held.get(settlement.delivery)
        if (held !== undefined) held.lost = true
      }
      this.#forget(settlement.delivery)
    }
    this.pump()
    this.#wakeIfIdle()
  }

  async revoking(lanes: readonly string[], options: { readonly signal: AbortSignal }): Promise<void> {
    const affected = new Set(lanes)
    const inLanes = () => [...this.#held.values()].filter(held => affected.has(held.delivery.lane))
    for (const held of inLanes()) if (held.state === 'waiting') this.#release(held)
    while (!options.signal.aborted && this.#phase !== 'closed' && inLanes().length > 0) {
      await Promise.race([
        this.#nextChange(),
        new Promise<void>(resolve =>
          options.signal.addEventListener('abort', () => resolve(), { once: true }),
        ),
      ])
    }
  }

  lost(what: { readonly lane: string } | { readonly deliveries: readonly Delivery[] } | 'all'): void {
    const gone =
      what === 'all'
        ? [...this.#held.values()]
        : 'lane' in what
          ? [...this.#held.values()].filter(held => held.delivery.lane === what.lane)
          : what.deliveries.flatMap(delivery => this.#held.get(delivery) ?? [])
    for (const held of gone) {
      held.lost = true
      this.#counters.lost++
      if (held.state === 'running') held.abort(leaseLost())
      this.#dropWaiting(held)
      this.#forget(held.delivery)
    }
    this.pump()
    this.#wakeIfIdle()
  }

  state(state: 'live' | 'reconnecting' | 'failed', cause?: unknown): void {
    this.#link = state
    if (state === 'failed') {
      this.#report(
        isBusError(cause)
          ? cause
          : new BusError(
              'CONNECTION_LOST',
              `the subscription of "${this.options.topic}" could not be restored`,
              {
                cause,
                remedy: 'see the cause; subscribe again once it is mended',
              },
            ),
      )
    }
  }

  // --- what the bus calls -----------------------------------------------------------------------------------------

  start(): void {
    this.#applyWindow()
  }

  get publicState(): SubscriptionState {
    if (this.#phase !== 'open') return this.#phase
    if (this.#link !== 'live') return this.#link
    if (this.#paused) return 'paused'
    return this.#switchState === 'closed' ? 'live' : 'tripped'
  }

  get stats(): SubscriptionStats {
    let oldestStart: number | undefined
    for (const held of this.#running) oldestStart = Math.min(oldestStart ?? held.startedAt, held.startedAt)
    return { held: this.#held.size, running: this.#running.size, ...this.#counters, oldestStart }
  }

  pause(): void {
    this.#assertOpen()
    this.#paused = true
    this.#applyWindow()
    this.#releaseWaiting()
  }

  resume(): void {
    this.#assertOpen()
    this.#paused = false
    this.#applyWindow()
    this.pump()
  }

  setConcurrency(concurrency: number): void {
    this.#assertOpen()
    // The prefetch keeps its proportion, so that a raised concurrency finds work and a lowered one holds back no more than it needs.
    this.#prefetch = Math.max(concurrency, Math.round((this.#prefetch / this.#concurrency) * concurrency))
    this.#concurrency = concurrency
    this.#applyWindow()
    this.pump()
  }

  /** Finishes what runs, releases the rest, closes; what had to be abandoned at the deadline. */
  drain(ms: number): Promise<number> {
    if (this.#closing !== undefined) return this.#closing.then(() => 0)
    let abandoned = 0
    this.#closing = this.#drain(ms).then(count => {
      abandoned = count
    })
    return this.#closing.then(() => abandoned)
  }

  close(): Promise<void> {
    if (this.#phase === 'draining') this.#abortRunning()
    this.#closing ??= this.#drain(0).then(() => {})
    return this.#closing
  }

  /** The link of the whole bus is gone for good: nothing can be settled any more. */
  get idle(): boolean {
    return this.#held.size === 0 && this.#jobs === 0
  }

  // --- starting ---------------------------------------------------------------------------------------------------

  /** Starts as much as may be started. */
  pump(): void {
    // A synchronous handler ends inside its own start: without this guard a long queue would be a deep stack.
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#mayStart() && this.#startNext()) {
        // Everything happens in the condition.
      }
    } finally {
      this.#pumping = false
    }
  }

  #mayStart(): boolean {
    if (this.#ready.length === 0 || this.#halted || this.#waitingSuspect !== undefined || this.#aloneNow)
      return false
    if (this.options.gated && !this.options.gate.open) return false
    const limit = this.#switchState === 'probing' ? 1 : this.#concurrency
    const capacity = this.options.processor.capacity?.(this.#jobs) ?? limit - this.#jobs
    return capacity > 0
  }

  #startNext(): boolean {
    const { processor } = this.options
    if (
      processor.batchSize > 1 &&
      this.#ready.length < processor.batchSize &&
      processor.batchWait > 0 &&
      !this.#batchDue
    ) {
      this.#batchTimer ??= this.options.clock.setTimer(
        processor.batchWait,
        () => {
          this.#batchTimer = undefined
          this.#batchDue = true
          this.pump()
          this.#batchDue = false
        },
        { keepAlive: true },
      )
      return false
    }
    this.#batchTimer?.cancel()
    this.#batchTimer = undefined
    const batch: Held[] = []
    while (batch.length < processor.batchSize) {
      const held = this.#ready.peek()
      if (held === undefined) break
      const plan = processor.inspect(held)
      if (plan === 'suspect') {
        if (batch.length > 0) break
        this.#ready.shift()
        this.#runAlone(held)
        return true
      }
      this.#ready.shift()
      if (plan === 'run') {
        batch.push(held)
        // A probe is one message, however large the batches are.
        if (this.#switchState === 'probing') break
      } else this.#settle(held, plan, false)
    }
    if (batch.length > 0) this.#run(batch)
    return true
  }

  #run(batch: readonly Held[]): void {
    const { gate, gated, clock, processor } = this.options
    const now = clock.now()
    this.#jobs++
    if (gated) gate.enter()
    for (const held of batch) {
      held.state = 'running'
      held.startedAt = now
      this.#running.add(held)
      if (processor.settlesFirst === true) {
        held.settledFirst = true
        this.#settler.add({ kind: 'ack', delivery: held.delivery })
      }
    }
    const ended = () => {
      this.#jobs--
      if (gated) gate.leave()
      this.pump()
      this.#wakeIfIdle()
    }
    const running = processor.run(batch, this.#onVerdict)
    if (running === undefined) ended()
    else running.then(ended)
  }

  readonly #onVerdict = (held: Held, verdict: Verdict): void => {
    this.#running.delete(held)
    this.#settle(held, verdict, true)
  }

  /** A message that may have killed its process before: alone, and its start recorded, so that it can do so once more at most. */
  #runAlone(held: Held): void {
    held.suspect = true
    const run = (admitted: boolean) => {
      this.#waitingSuspect = undefined
      if (held.lost || held.state !== 'waiting') {
        if (admitted) this.options.gate.leaveAlone()
        return
      }
      if (!admitted) {
        this.#holdBack(held, 30_000)
        this.pump()
        return
      }
      this.#aloneNow = true
      const over = () => {
        this.#aloneNow = false
        this.options.gate.leaveAlone()
        this.pump()
        this.#wakeIfIdle()
      }
      this.#subscription.mark([held.delivery]).then(
        () => {
          if (held.lost || held.state !== 'waiting' || this.#halted) {
            if (held.state === 'waiting' && !held.lost) this.#release(held)
            over()
            return
          }
          held.state = 'running'
          held.startedAt = this.options.clock.now()
          this.#running.add(held)
          this.#jobs++
          const ended = () => {
            this.#jobs--
            over()
          }
          const running = this.options.processor.run([held], this.#onVerdict)
          if (running === undefined) ended()
          else running.then(ended)
        },
        error => {
          this.#report(
            new BusError('SETTLEMENT_FAILED', 'the start of a suspect could not be recorded', {
              cause: error,
              retryable: true,
            }),
          )
          if (!held.lost && held.state === 'waiting') this.#holdBack(held, 1_000)
          over()
        },
      )
    }
    this.#waitingSuspect = { held, run }
    this.options.gate.enterAlone(run)
  }

  // --- settling ---------------------------------------------------------------------------------------------------

  #settle(held: Held, verdict: Verdict, ran: boolean): void {
    if (held.state === 'gone' || held.state === 'settling') return
    if (held.settledFirst) {
      held.state = 'gone'
      if (verdict.kind === 'ack') this.#counters[verdict.count]++
      return
    }
    this.#record(held, verdict, ran)
    if (held.lost || verdict.kind === 'nothing') {
      // Not settled on purpose: it stays with the broker and comes back when this subscription closes.
      held.state = held.lost ? 'gone' : 'settling'
      return
    }
    const { clock, group, topic } = this.options
    const { delivery } = held
    const now = clock.now()
    switch (verdict.kind) {
      case 'ack':
        this.#counters[verdict.count]++
        if (verdict.count === 'handled') this.options.budget?.earn()
        this.#send(held, { kind: 'ack', delivery }, verdict.count === 'dropped' ? 'dropped' : 'ack')
        return
      case 'release':
        this.#release(held)
        return
      case 'dead':
        this.#counters.deadLettered++
        this.#send(
          held,
          {
            kind: 'dead',
            delivery,
            meta: deadMetadata({
              envelope: delivery.envelope,
              error: verdict.error,
              failures: ran ? held.attempt : delivery.failures,
              now,
              reason: verdict.reason,
              topic: delivery.topic,
              group: group ?? topic,
              key: delivery.key,
              failed: ran || verdict.error !== undefined,
            }),
          },
          'dead',
          verdict.reason,
        )
        return
      case 'retry': {
        this.#counters.retried++
        if (group === undefined) {
          // Nothing of a broadcast is stored, so its retries live in this process alone.
          held.localFailures++
          held.state = 'waiting'
          this.options.onSettled?.(held, 'retry', undefined)
          this.#holdBack(held, verdict.delay)
          return
        }
        // Behind it on its key nothing may overtake: its followers go back first in one batch with it, and come again after it.
        const followers = this.#lanes?.followers(held) ?? []
        this.#send(
          held,
          {
            kind: 'retry',
            delivery,
            notBefore: now + verdict.delay,
            meta: retryMetadata({
              envelope: delivery.envelope,
              error: verdict.error,
              failures: held.attempt,
              now,
            }),
            metaRequired: verdict.metaRequired,
          },
          'retry',
        )
        for (const follower of followers) this.#release(follower)
        return
      }
    }
  }

  #send(held: Held, settlement: Settlement, as: SettledAs, reason?: string): void {
    held.state = 'settling'
    this.#settler.add(settlement)
    this.options.onSettled?.(held, as, reason)
  }

  #release(held: Held): void {
    if (held.state === 'gone' || held.state === 'settling') return
    this.#dropWaiting(held)
    this.#counters.released++
    this.#send(held, { kind: 'release', delivery: held.delivery }, 'release')
  }

  #record(held: Held, verdict: Verdict, ran: boolean): void {
    if (this.#killSwitch === undefined || !ran || verdict.kind === 'nothing' || verdict.kind === 'release')
      return
    // Only what a healthy downstream would have handled says something about the downstream.
    if (verdict.kind === 'dead' && verdict.reason !== 'attempts-exhausted' && verdict.reason !== 'elapsed')
      return
    this.#killSwitch.record(verdict.kind === 'ack', this.options.clock.now(), held.startedAt)
  }

  #onSwitch(state: KillSwitchState): void {
    const { clock, topic, group } = this.options
    this.#switchState = state
    this.#tripTimer?.cancel()
    this.#tripTimer = undefined
    this.#applyWindow()
    if (state !== 'open') {
      queueMicrotask(() => this.pump())
      return
    }
    const wait = Math.max(0, (this.#killSwitch?.reopensAt ?? 0) - clock.now())
    this.#report(
      new BusError(
        'HANDLER_FAILED',
        `too many failures: "${topic}"${group ? ` of group "${group}"` : ''} is paused for ${wait} ms`,
        {
          retryable: true,
          remedy: 'mend what the handler depends on; one message at a time is tried until it recovers',
        },
      ),
    )
    this.#releaseWaiting()
    this.#tripTimer = clock.setTimer(wait, () => this.#killSwitch?.state(clock.now()), { keepAlive: true })
  }

  // --- holding ----------------------------------------------------------------------------------------------------

  #enqueue(held: Held): void {
    if (this.#lanes === undefined || this.#lanes.add(held)) this.#ready.push(held)
  }

  /** Keeps a delivery for `ms` before it may start (again). */
  #holdBack(held: Held, ms: number): void {
    // A delayed one keeps its place in its key's lane, so that what follows waits too.
    const alreadyInLane = held.localFailures > 0 || held.suspect
    const first = this.#lanes === undefined || alreadyInLane || this.#lanes.add(held)
    this.#delays.set(
      held,
      this.options.clock.setTimer(
        ms,
        () => {
          this.#delays.delete(held)
          if (first) this.#ready.push(held)
          this.pump()
        },
        { keepAlive: true },
      ),
    )
  }

  #dropWaiting(held: Held): void {
    if (held.state !== 'waiting') return
    this.#delays.get(held)?.cancel()
    this.#delays.delete(held)
    this.#ready.remove(held)
    if (this.#waitingSuspect?.held === held) {
      this.options.gate.withdraw(this.#waitingSuspect.run)
      this.#waitingSuspect = undefined
    }
  }

  /** A delivery is out of our hands: settled, or lost. */
  #forget(delivery: Delivery): void {
    const held = this.#held.get(delivery)
    if (held === undefined) return
    this.#held.delete(delivery)
    this.#settler.forget(delivery)
    held.onGone?.()
    if (held.state !== 'running') held.state = 'gone'
    const next = this.#lanes?.remove(held)
    if (next !== undefined && next.state === 'waiting' && !this.#delays.has(next)) this.#ready.push(next)
  }

  #releaseWaiting(): void {
    for (const held of [...this.#held.values()]) if (held.state === 'waiting') this.#release(held)
  }

  // --- stopping ---------------------------------------------------------------------------------------------------

  get #halted(): boolean {
    return this.#phase !== 'open' || this.#paused || this.#switchState === 'open'
  }

  #applyWindow(): void {
    const open = !this.#halted
    this.#subscription.window(open ? (this.#switchState === 'probing' ? 1 : this.#prefetch) : 0)
  }

  async #drain(ms: number): Promise<number> {
    using deadline = deadlineIn(this.options.clock, ms)
    // The adapter's own goodbye may take a little longer than the handlers' time, and is bounded too.
    using goodbye = deadlineIn(this.options.clock, ms === 0 ? 2_000 : ms)
    this.#phase = 'draining'
    this.#batchTimer?.cancel()
    this.#tripTimer?.cancel()
    const quiet = (promise: Promise<unknown>) => promise.catch(error => this.#report(asError(error)))
    const stopping = quiet(this.#subscription.stop({ signal: goodbye.signal }))
    this.#releaseWaiting()
    if (ms === 0) this.#abortRunning()
    else await deadline.race(this.#idle(), undefined)
    const abandoned = this.#running.size
    this.#abortRunning()
    await goodbye.race(stopping, undefined)
    // What arrived while stopping goes back too; settlements already sent are waited for, abandoned handlers are not.
    this.#releaseWaiting()
    if (ms === 0) await goodbye.race(Promise.resolve(), undefined)
    await goodbye.race(quiet(this.#subscription.flush({ signal: goodbye.signal })), undefined)
    this.#phase = 'closed'
    this.#settler.close()
    this.#leases.stop()
    this.#stopListening()
    for (const timer of this.#delays.values()) timer.cancel()
    this.#delays.clear()
    await goodbye.race(quiet(this.#subscription.close({ signal: goodbye.signal })), undefined)
    for (const held of this.#held.values()) held.onGone?.()
    this.#held.clear()
    this.#lanes?.clear()
    return abandoned
  }

  #abortRunning(): void {
    for (const held of this.#running) held.abort(stopped())
  }

  async #idle(): Promise<void> {
    while (!this.idle) await this.#nextChange()
  }

  #nextChange(): Promise<void> {
    return new Promise(resolve => this.#idleWaiters.push(resolve))
  }

  #wakeIfIdle(): void {
    if (this.#idleWaiters.length === 0) return
    for (const wake of this.#idleWaiters.splice(0)) wake()
  }

  #assertOpen(): void {
    if (this.#phase !== 'open') {
      throw new BusError(
        'SUBSCRIPTION_CLOSED',
        `the subscription of "${this.options.topic}" is ${this.#phase}`,
        {
          remedy: 'subscribe again',
        },
      )
    }
  }

  #report(error: BusError): void {
    this.options.onError(
      error,
      `subscription ${this.options.topic}${this.options.group ? `/${this.options.group}` : ''}`,
    )
  }
}

const asError = (error: unknown): BusError =>
  isBusError(error) ? error : new BusError('INTERNAL', 'the adapter failed while stopping', { cause: error })
