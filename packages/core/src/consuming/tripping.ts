import { BusError } from '../errors/bus-error.ts'
import { KillSwitch, type KillSwitchOptions, type KillSwitchState } from '../retry/index.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { Held } from './held.ts'
import type { Verdict } from './verdict.ts'

/** The kill switch of one subscription with its timer. Without options it never trips. */
export class Tripping {
  readonly #clock: Clock
  readonly #name: string
  readonly #switch: KillSwitch | undefined
  readonly #onChange: () => void
  readonly #onError: (error: BusError) => void
  #timer: Timer | undefined
  state: KillSwitchState = 'closed'

  constructor(options: {
    readonly clock: Clock
    readonly name: string
    readonly killSwitch: KillSwitchOptions | undefined
    readonly onChange: () => void
    readonly onError: (error: BusError) => void
  }) {
    this.#clock = options.clock
    this.#name = options.name
    this.#onChange = options.onChange
    this.#onError = options.onError
    this.#switch =
      options.killSwitch === undefined
        ? undefined
        : new KillSwitch(options.killSwitch, state => this.#changed(state))
  }

  /** Takes a handler's outcome into account, as far as it says something about what the handler depends on. */
  record(held: Held, verdict: Verdict): void {
    if (this.#switch === undefined || verdict.kind === 'nothing' || verdict.kind === 'release') return
    // An event that no downstream could have handled (rejected, undecodable, …) says nothing about the downstream.
    if (verdict.kind === 'dead' && verdict.reason !== 'attempts-exhausted' && verdict.reason !== 'elapsed')
      return
    this.#switch.record(verdict.kind === 'ack', this.#clock.now(), held.startedAt)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #changed(state: KillSwitchState): void {
    this.state = state
    this.#timer?.cancel()
    if (state === 'open') this.#waitForProbe()
    this.#onChange()
  }

  #waitForProbe(): void {
    const wait = Math.max(0, (this.#switch?.reopensAt ?? 0) - this.#clock.now())
    this.#onError(
      new BusError('SUBSCRIPTION_TRIPPED', `too many failures: ${this.#name} is paused for ${wait} ms`, {
        retryable: true,
        remedy: 'mend what the handler depends on; one message at a time is tried until it recovers',
      }),
    )
    this.#timer = this.#clock.setTimer(wait, () => this.#switch?.state(this.#clock.now()), {
      keepAlive: true,
    })
  }
}
