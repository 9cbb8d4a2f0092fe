import type { Subscription } from '../adapter/subscription.ts'
import { BusError } from '../errors/bus-error.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { Held } from './held.ts'
import type { Holding } from './holding.ts'
import type { Processor } from './processor.ts'
import type { Settler } from './settler.ts'
import type { SuspectGate } from './suspect-gate.ts'
import type { Verdict } from './verdict.ts'

/** How long a suspect waits before it tries the gate again, and after a start that could not be recorded. */
const GATE_AGAIN = 30_000
const MARK_AGAIN = 1_000

export interface RunnerOptions {
  readonly clock: Clock
  readonly gate: SuspectGate
  /** Requests neither wait at the gate nor count there. */
  readonly gated: boolean
  readonly processor: Processor
  readonly holding: Holding
  readonly settler: Settler
  readonly mark: Subscription['mark']
  /** How many jobs may run at the same time; 0 while nothing may start. */
  readonly limit: () => number
  /** Whether one message at a time is being tried. */
  readonly probing: () => boolean
  readonly settle: (held: Held, verdict: Verdict, ran: boolean) => void
  /** A job has ended. */
  readonly onEnded: () => void
  readonly onError: (error: BusError) => void
}

/** Starts deliveries as the concurrency, the batch size and the suspect gate allow. */
export class Runner {
  /** Those whose handler has started and not ended. */
  readonly running = new Set<Held>()
  /** Handler calls under way; a batch is one. */
  jobs = 0
  readonly #o: RunnerOptions
  readonly #stopListening: () => void
  #batchTimer: Timer | undefined
  #batchDue = false
  /** A suspect waits at the gate, or runs: nothing else of this subscription starts. */
  #suspect = false
  #pumping = false

  constructor(options: RunnerOptions) {
    this.#o = options
    this.#stopListening = options.gated ? options.gate.onOpen(() => this.pump()) : () => {}
  }

  /** Starts as much as may be started. */
  pump(): void {
    // A synchronous handler ends inside its own start: without this guard a long queue would be a deep stack.
    if (this.#pumping) return
    this.#pumping = true
    try {
      // In this order: a batch's wait begins when its first event is there, whether or not a handler is free.
      while (this.#batchReady() && this.#mayStart()) this.#startNext()
    } finally {
      this.#pumping = false
    }
  }

  stop(): void {
    this.#batchTimer?.cancel()
    this.#batchTimer = undefined
    this.#stopListening()
  }

  #mayStart(): boolean {
    const { gate, gated, processor, limit } = this.#o
    if (this.#suspect || (gated && !gate.open)) return false
    const allowed = limit()
    return allowed > 0 && (processor.capacity?.() ?? allowed - this.jobs) > 0
  }

  #batchReady(): boolean {
    const { processor, holding, clock } = this.#o
    if (holding.readyCount === 0) {
      this.#batchDue = false
      return false
    }
    if (this.#batchDue || processor.batchWait === 0 || holding.readyCount >= processor.batchSize) {
      this.#batchTimer?.cancel()
      this.#batchTimer = undefined
      return true
    }
    this.#batchTimer ??= clock.setTimer(
      processor.batchWait,
      () => {
        this.#batchTimer = undefined
        // Stays due until a batch starts: there may be no room for one now.
        this.#batchDue = true
        this.pump()
      },
      { keepAlive: true },
    )
    return false
  }

  #startNext(): void {
    const { processor, holding, settle, probing } = this.#o
    let batch: Held[] | undefined
    while (batch === undefined || batch.length < processor.batchSize) {
      const held = holding.peek()
      if (held === undefined) break
      const plan = processor.inspect(held)
      if (plan === 'suspect') {
        if (batch !== undefined) break
        holding.shift()
        this.#awaitTurn(held)
        return
      }
      holding.shift()
      if (plan !== 'run') {
        settle(held, plan, false)
        continue
      }
      // Made with its first element: an empty array that is pushed to gets room for seventeen.
      if (batch === undefined) batch = [held]
      else batch.push(held)
      if (probing()) break
    }
    this.#batchDue = false
    if (batch !== undefined) this.#run(batch, false)
  }

  /** @param alone whether a suspect runs, with the gate to itself. */
  #run(batch: readonly Held[], alone: boolean): void {
    const { processor, settler, clock, gate, gated } = this.#o
    if (gated && !alone) gate.enter()
    const now = clock.now()
    this.jobs++
    for (const held of batch) {
      held.state = 'running'
      held.startedAt = now
      this.running.add(held)
      if (processor.settlesFirst === true) {
        held.settledFirst = true
        settler.add({ kind: 'ack', delivery: held.delivery })
      }
    }
    const running = processor.run(batch, this.#onVerdict)
    const ended = alone ? this.#aloneEnded : this.#ended
    if (running === undefined) ended()
    else running.then(ended)
  }

  readonly #ended = (): void => {
    this.jobs--
    if (this.#o.gated) this.#o.gate.leave()
    this.#o.onEnded()
  }

  readonly #aloneEnded = (): void => {
    this.jobs--
    this.#suspect = false
    this.#o.gate.leaveAlone()
    this.#o.onEnded()
  }

  readonly #onVerdict = (held: Held, verdict: Verdict): void => {
    this.running.delete(held)
    this.#o.settle(held, verdict, true)
  }

  /** A message that may have killed its process before: it runs alone, its start recorded, and so once more at most. */
  #awaitTurn(held: Held): void {
    const { gate, holding } = this.#o
    this.#suspect = true
    const over = () => {
      held.onWithdrawn = undefined
      this.#suspect = false
    }
    const admit = (admitted: boolean) => {
      held.onWithdrawn = undefined
      if (admitted) this.#runAlone(held)
      else {
        over()
        holding.delay(held, GATE_AGAIN)
      }
    }
    held.onWithdrawn = () => {
      gate.withdraw(admit)
      over()
    }
    gate.enterAlone(admit)
  }

  #runAlone(held: Held): void {
    const { gate, holding, mark, settle, limit, onEnded, onError } = this.#o
    const leave = () => {
      this.#suspect = false
      gate.leaveAlone()
    }
    const stillWaiting = () => held.state === 'waiting' && !held.lost
    mark([held.delivery]).then(
      () => {
        if (stillWaiting() && limit() > 0) {
          held.suspect = true
          this.#run([held], true)
          return
        }
        if (stillWaiting()) settle(held, { kind: 'release' }, false)
        leave()
        onEnded()
      },
      cause => {
        onError(
          new BusError('SETTLEMENT_FAILED', 'the start of a suspect could not be recorded', {
            cause,
            retryable: true,
          }),
        )
        if (stillWaiting()) holding.delay(held, MARK_AGAIN)
        leave()
        onEnded()
      },
    )
  }
}
