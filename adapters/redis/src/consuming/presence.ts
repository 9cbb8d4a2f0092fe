import type { Clock, Timer } from '@busbar/core/time'
import type { Link } from '../connection/link.ts'

/** Milliseconds for which somebody counts as there without a sign of life. */
const LIFE = 15_000
const BEAT = 5_000

/** Signs of life in a sorted set: publishers that must reach somebody look there. */
export class Presence {
  readonly #clock: Clock
  readonly #link: Link
  readonly #key: string
  readonly #member: string
  #beat: Timer | undefined
  #ended = false

  constructor(clock: Clock, link: Link, key: string, member: string) {
    this.#clock = clock
    this.#link = link
    this.#key = key
    this.#member = member
  }

  async begin(): Promise<void> {
    this.#schedule()
    await this.tell()
  }

  async tell(): Promise<void> {
    if (this.#ended || this.#link.state !== 'up') return
    await this.#link.call('ZADD', [this.#key, String(this.#clock.now() + LIFE), this.#member])
  }

  async end(signal: AbortSignal): Promise<void> {
    this.#ended = true
    this.#beat?.cancel()
    if (this.#link.state === 'up' && !signal.aborted)
      await this.#link.call('ZREM', [this.#key, this.#member]).catch(() => {})
  }

  #schedule(): void {
    this.#beat = this.#clock.setTimer(BEAT, () => {
      // Without a connection there is nobody to tell; it is told again when there is one.
      this.tell().catch(() => {})
      this.#schedule()
    })
  }
}
