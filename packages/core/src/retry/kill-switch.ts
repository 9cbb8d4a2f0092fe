import { milliseconds, number, object } from '../options/index.ts'
import { OutcomeWindow } from './outcome-window.ts'

/** When a subscription is paused because what it depends on is failing. Times in milliseconds. */
export interface KillSwitchOptions {
  /** Share of failed attempts, above 0 up to 1, at which it opens. Default 0.5. */
  readonly failureRatio?: number
  /** Attempts within `window` below which it never opens. Default 20. */
  readonly minimum?: number
  /** How far back attempts count. Default 10,000. */
  readonly window?: number
  /** The first pause; doubles with every failed probe. Default 5,000. */
  readonly pause?: number
  /** The longest pause. Default 300,000, or `pause` if that is longer. */
  readonly maxPause?: number
  /** Successful probes in a row that close it. Default 1. */
  readonly probes?: number
}

/** For embedding into the options of a subscription. */
export const killSwitchSpec = object({
  failureRatio: number({ min: 0.001, max: 1 }),
  minimum: number({ min: 1, integer: true }),
  window: milliseconds({ min: 10 }),
  pause: milliseconds({ min: 1 }),
  maxPause: milliseconds({ min: 1 }),
  probes: number({ min: 1, integer: true }),
})

/** `closed`: events flow. `open`: paused. `probing`: one event at a time, to see whether it works again. */
export type KillSwitchState = 'closed' | 'open' | 'probing'

/**
 * A circuit breaker over the attempts of one subscription. Holds no timer: while it is open, ask for its
 * {@link state} at {@link reopensAt}. All times are milliseconds since the epoch.
 */
export class KillSwitch {
  readonly #failureRatio: number
  readonly #minimum: number
  readonly #firstPause: number
  readonly #maxPause: number
  readonly #probes: number
  readonly #outcomes: OutcomeWindow
  readonly #onChange: (state: KillSwitchState, now: number) => void
  #state: KillSwitchState = 'closed'
  #pause: number
  #reopensAt: number | undefined
  #successes = 0

  /** @param onChange called on each change of state, after it; what it throws goes to the caller. */
  constructor(
    options: KillSwitchOptions,
    onChange: (state: KillSwitchState, now: number) => void = () => {},
  ) {
    this.#failureRatio = options.failureRatio ?? 0.5
    this.#minimum = options.minimum ?? 20
    this.#firstPause = options.pause ?? 5_000
    this.#maxPause = Math.max(options.maxPause ?? 300_000, this.#firstPause)
    this.#probes = options.probes ?? 1
    this.#outcomes = new OutcomeWindow(options.window ?? 10_000)
    this.#onChange = onChange
    this.#pause = this.#firstPause
  }

  /** When probing may begin; undefined unless open. */
  get reopensAt(): number | undefined {
    return this.#state === 'open' ? this.#reopensAt : undefined
  }

  state(now: number): KillSwitchState {
    if (this.#state === 'open' && this.#reopensAt !== undefined && now >= this.#reopensAt) {
      this.#successes = 0
      this.#change('probing', now)
    }
    return this.#state
  }

  /**
   * One attempt has ended.
   * @param startedAt when it started. Attempts from before the probing tell nothing about now and are left out.
   * @returns the state after it.
   */
  record(ok: boolean, now: number, startedAt: number = now): KillSwitchState {
    switch (this.state(now)) {
      case 'closed':
        this.#outcomes.add(ok, now)
        if (!ok && this.#failing(now)) this.#open(now)
        break
      case 'probing':
        if (this.#reopensAt !== undefined && startedAt < this.#reopensAt) break
        if (ok) this.#probeSucceeded(now)
        else this.#probeFailed(now)
        break
      case 'open':
        break
    }
    return this.#state
  }

  #failing(now: number): boolean {
    const { total, failed } = this.#outcomes.counts(now)
    return total >= this.#minimum && failed >= total * this.#failureRatio
  }

  #probeSucceeded(now: number): void {
    this.#successes += 1
    if (this.#successes < this.#probes) return
    this.#outcomes.clear()
    this.#pause = this.#firstPause
    this.#change('closed', now)
  }

  #probeFailed(now: number): void {
    this.#pause = Math.min(this.#pause * 2, this.#maxPause)
    this.#open(now)
  }

  #open(now: number): void {
    this.#reopensAt = now + this.#pause
    this.#change('open', now)
  }

  #change(state: KillSwitchState, now: number): void {
    this.#state = state
    this.#onChange(state, now)
  }
}
