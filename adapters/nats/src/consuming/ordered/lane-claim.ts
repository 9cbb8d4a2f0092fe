import type { Clock, Timer } from '@busbar/core/time'
import type { JetStreamApi } from '../../link/api.ts'
import { type Claims, type Crash, isOvertaken, type LaneState } from './claims.ts'
import type { Lane } from './lane.ts'

/** Acks of this many milliseconds go into one write; what it has not seen is handled again after a crash. */
const GATHERED = 20
const TRY_AGAIN = 200
/** Crashes that are remembered: enough to pass any sensible number of attempts. */
const REMEMBERED = 32

export interface LaneClaimOptions {
  readonly api: JetStreamApi
  readonly claims: Claims
  readonly lane: Lane
  /** The member's id. */
  readonly owner: string
  /** Milliseconds after which a claim that is not written again is over. */
  readonly validity: number
  /** Where a group begins that has no position yet: the last message before. */
  readonly start: () => Promise<number>
  /** What its last owner may have started. */
  readonly crash: () => Promise<Crash>
}

/** A claim on a lane, with its position. Each write moves the position and renews the claim in one. */
export class LaneClaim {
  readonly lane: Lane
  /** The last message that core had, or that waits. */
  top: number
  /** Unsettled up to there. */
  readonly open: Set<number>
  /** How many were read beyond. */
  ahead: () => number = () => 0
  readonly #o: LaneClaimOptions
  #crashes: readonly Crash[]
  #sequence: number
  #renewedAt: number
  #owned = true
  #dirty = false
  #writing: Promise<void> | undefined
  #writtenAt = 0
  #timer: Timer | undefined

  private constructor(options: LaneClaimOptions, state: LaneState, sequence: number, renewedAt: number) {
    this.#o = options
    this.lane = options.lane
    this.top = state.top
    this.open = new Set(state.open)
    this.#crashes = state.crashes
    this.#sequence = sequence
    this.#renewedAt = renewedAt
  }

  /** Undefined: it is another's. */
  static async take(options: LaneClaimOptions): Promise<LaneClaim | undefined> {
    const { api, claims, lane, owner, validity, start, crash } = options
    const found = await claims.read(lane.id)
    const before = found?.state
    let crashes = before?.crashes ?? []
    if (found !== undefined && found.state.owner !== '') {
      if (found.state.owner !== owner && (await claims.serverNow()) - found.at < validity) return undefined
      crashes = [...crashes, await crash()].slice(-REMEMBERED)
    }
    const now = api.link.clock.now()
    const state = { owner, top: before?.top ?? (await start()), open: before?.open ?? [], crashes, ahead: 0 }
    try {
      const sequence = await claims.write(
        lane.id,
        state,
        found?.sequence ?? 0,
        Math.min(api.timeout, validity),
      )
      return new LaneClaim(options, state, sequence, now)
    } catch (error) {
      if (isOvertaken(error)) return undefined
      throw error
    }
  }

  /** Whether it is ours: we must know that it is not before another can have it. */
  get active(): boolean {
    return this.#owned && this.#clock.now() - this.#renewedAt < this.#o.validity * 0.9
  }

  /** How often a member went without a word that may have started it. */
  crashesOf(sequence: number, redriven: boolean): number {
    let count = 0
    for (const { read, stored } of this.#crashes) if ((redriven ? stored : read) >= sequence) count++
    return count
  }

  /** The position has moved: it is written soon. */
  moved(): void {
    this.#dirty = true
    this.#schedule()
  }

  /** Written again when that is due, position or not. */
  renew(): void {
    if (this.#clock.now() - this.#renewedAt > this.#o.validity / 4) this.moved()
  }

  /** Resolves when the position is stored, or the claim is over. */
  async flush(): Promise<void> {
    while (this.#owned && (this.#dirty || this.#writing !== undefined)) {
      this.#timer?.cancel()
      this.#timer = undefined
      await (this.#writing ?? this.#write(this.#o.owner))
    }
  }

  /** Lets another member have it, at once. */
  async giveUp(): Promise<void> {
    await this.flush()
    this.#timer?.cancel()
    if (this.#owned && this.active) await this.#write('')
    this.#owned = false
  }

  /** It is not ours any more. */
  drop(): void {
    this.#owned = false
    this.#timer?.cancel()
  }

  get #clock(): Clock {
    return this.#o.api.link.clock
  }

  #schedule(wait = this.#writtenAt + GATHERED - this.#clock.now()): void {
    if (this.#writing !== undefined || this.#timer !== undefined || !this.#owned) return
    if (wait <= 0) {
      void this.#write(this.#o.owner)
      return
    }
    this.#timer = this.#clock.setTimer(wait, () => {
      this.#timer = undefined
      if (this.#writing === undefined) void this.#write(this.#o.owner)
    })
  }

  #write(owner: string): Promise<void> {
    const writing = this.#store(owner).finally(() => {
      this.#writing = undefined
      if (this.#dirty) this.#schedule()
    })
    this.#writing = writing
    return writing
  }

  async #store(owner: string): Promise<void> {
    const { claims, lane, validity, api } = this.#o
    const now = this.#clock.now()
    this.#dirty = false
    this.#writtenAt = now
    const state = {
      owner,
      top: this.top,
      open: [...this.open],
      crashes: this.#remembered(),
      ahead: owner === '' ? 0 : this.ahead(),
    }
    try {
      this.#sequence = await claims.write(lane.id, state, this.#sequence, Math.min(api.timeout, validity))
      this.#renewedAt = now
    } catch (error) {
      this.#dirty = true
      if (isOvertaken(error)) await this.#lookAgain()
      else await new Promise<void>(resolve => this.#clock.setTimer(TRY_AGAIN, resolve))
      if (!this.active) this.#owned = false
    }
  }

  /** Somebody has written it: ourselves, if the answer got lost. */
  async #lookAgain(): Promise<void> {
    const found = await this.#o.claims.read(this.lane.id).catch(() => undefined)
    if (found === undefined) return
    if (found.state.owner === this.#o.owner) this.#sequence = found.sequence
    else this.#owned = false
  }

  /** Those that may still have to do with a message that is not settled. */
  #remembered(): readonly Crash[] {
    if (this.#crashes.length === 0) return this.#crashes
    const lowest = Math.min(this.top + 1, ...this.open)
    this.#crashes = this.#crashes.filter(({ stored }) => stored >= lowest)
    return this.#crashes
  }
}
