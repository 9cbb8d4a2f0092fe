import { BusError } from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import type { ConsumerInfo } from '../topology/config.ts'
import type { Missing } from './missing.ts'
import type { SubscriptionOptions } from './subscription-options.ts'

/** The server looks at what is overdue a little later; in milliseconds. */
export const MARGIN = 100
const AGAIN = 500

export interface RestoringOptions {
  readonly missing: Missing
  /** Whether what comes later must not overtake what comes again. */
  readonly ordered: boolean
  /** How many deliveries core has. */
  readonly held: () => number
  /** The consumer's count of the last message that came. */
  readonly lastCount: () => number
  readonly live: () => void
  /** It cannot be restored. */
  readonly failed: (error: BusError) => void
}

/** Brings a consumer back after the link went, or the consumer. */
export class Restoring {
  busy = false
  readonly #s: SubscriptionOptions
  readonly #o: RestoringOptions
  /** Asked for when the link went: some of it may have been on its way. */
  #underway = 0
  #closed = false
  #timer: Timer | undefined

  constructor(subscription: SubscriptionOptions, options: RestoringOptions) {
    this.#s = subscription
    this.#o = options
  }

  /** @param outstanding messages that had been asked for. */
  down(outstanding: number): void {
    this.#underway = Math.max(this.#underway, outstanding)
  }

  start(): void {
    if (this.busy) return
    this.busy = true
    this.#s
      .restore()
      .then(() => this.#returned())
      .then(
        () => {
          this.busy = false
          if (!this.#closed) this.#o.live()
        },
        error => {
          this.busy = false
          const { link } = this.#s.api
          if (this.#closed || link.state !== 'live') return
          if (error instanceof BusError && !error.retryable) this.#o.failed(error)
          else this.#timer = link.clock.setTimer(AGAIN, () => this.start())
        },
      )
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /**
   * What was on its way when the link went comes again when the server's patience is over. Until then it counts as in
   * flight, and on ordered topics what follows it must not come first.
   */
  async #returned(): Promise<void> {
    const { api, place, ackWait } = this.#s
    const { clock } = api.link
    const { ordered, missing, held, lastCount } = this.#o
    if (ordered) {
      await new Promise<void>(resolve => clock.setTimer(ackWait + MARGIN, resolve))
      return
    }
    const underway = this.#underway
    this.#underway = 0
    if (underway === 0) return
    const info = await api.find<ConsumerInfo>(`CONSUMER.INFO.${place.stream}.${place.consumer}`)
    if (info === undefined) return
    const unseen = Math.min(
      underway,
      info.delivered.consumer_seq - lastCount(),
      info.num_ack_pending - held(),
    )
    missing.add(unseen, clock.now() + ackWait + MARGIN)
  }
}
