import type { SubscriptionSpec } from '../adapter/subscription.ts'
import type { Abandoned, Engine } from '../consuming/engine.ts'
import type { BusSubscription, SubscriptionState, SubscriptionStats } from '../consuming/subscription.ts'
import { BusError } from '../errors/bus-error.ts'
import { checkOptions, number, object, required } from '../options/index.ts'
import { drainSpec } from './option-specs.ts'

export const DEFAULT_DEADLINE = 30_000

const concurrencySpec = object({ concurrency: required(number({ min: 1, max: 100_000, integer: true })) })

/** What a caller of `subscribe` holds. */
export class BusSubscriptionHandle implements BusSubscription {
  readonly topic: string
  readonly group: string | undefined
  readonly lease: number
  readonly engine: Engine
  readonly #onClosed: () => void

  constructor(spec: SubscriptionSpec, engine: Engine, onClosed: () => void) {
    this.topic = spec.topic
    this.group = spec.group
    this.lease = spec.lease
    this.engine = engine
    this.#onClosed = onClosed
  }

  get state(): SubscriptionState {
    return this.engine.publicState
  }

  get stats(): SubscriptionStats {
    return this.engine.stats
  }

  pause(): void {
    this.engine.pause()
  }

  resume(): void {
    this.engine.resume()
  }

  setConcurrency(concurrency: number): void {
    checkOptions('setConcurrency', { concurrency }, concurrencySpec)
    this.engine.setConcurrency(concurrency)
  }

  async drain(options: { readonly deadline?: number } = {}): Promise<void> {
    checkOptions('drain options', options, drainSpec)
    const deadline = options.deadline ?? DEFAULT_DEADLINE
    const abandoned = await this.engine.drain(deadline)
    this.#onClosed()
    if (abandoned.running + abandoned.unsettled > 0) throw drainTimeout(abandoned, deadline)
  }

  async close(): Promise<void> {
    await this.engine.close()
    this.#onClosed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

export const drainTimeout = ({ running, unsettled }: Abandoned, deadline: number) =>
  running > 0
    ? new BusError(
        'DRAIN_TIMEOUT',
        `${running} handlers had not ended after ${deadline} ms; they were aborted`,
        {
          remedy:
            "their events go back to their groups; pass the handler's signal on, or allow a longer deadline",
        },
      )
    : new BusError('DRAIN_TIMEOUT', `${unsettled} events could not be settled within ${deadline} ms`, {
        remedy: 'they come again, though handled: see whether the broker was reachable',
      })
