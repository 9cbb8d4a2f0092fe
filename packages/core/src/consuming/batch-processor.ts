import { BusError } from '../errors/bus-error.ts'
import type { ItemOutcome } from './delivery.ts'
import type { Held } from './held.ts'
import type { Preparation } from './preparation.ts'
import { PreparedDelivery } from './prepared-delivery.ts'
import type { Processor } from './processor.ts'
import { HANDLED, type Verdict } from './verdict.ts'

/** Several events, one handler call, an outcome for each event. */
export class BatchProcessor implements Processor {
  readonly batchSize: number
  readonly batchWait: number
  readonly #preparation: Preparation
  readonly #handler: (deliveries: readonly PreparedDelivery[]) => unknown

  constructor(options: {
    readonly preparation: Preparation
    readonly handler: (deliveries: readonly PreparedDelivery[]) => unknown
    readonly max: number
    readonly wait: number
  }) {
    this.#preparation = options.preparation
    this.#handler = options.handler
    this.batchSize = options.max
    this.batchWait = options.wait
  }

  inspect(held: Held): 'run' | 'suspect' | Verdict {
    return this.#preparation.inspect(held)
  }

  async run(batch: readonly Held[], settle: (held: Held, verdict: Verdict) => void): Promise<void> {
    const ready: PreparedDelivery[] = []
    for (const [i, prepared] of (
      await Promise.all(batch.map(held => this.#preparation.prepare(held)))
    ).entries()) {
      if (prepared instanceof PreparedDelivery) ready.push(prepared)
      else settle(batch[i] as Held, prepared)
    }
    if (ready.length === 0) return
    const verdicts = await this.#verdicts(ready)
    for (const [i, delivery] of ready.entries()) settle(PreparedDelivery.heldOf(delivery), verdicts(i))
  }

  async #verdicts(deliveries: readonly PreparedDelivery[]): Promise<(i: number) => Verdict> {
    const failed = (i: number, error: unknown) =>
      this.#preparation.failed(PreparedDelivery.heldOf(deliveries[i] as PreparedDelivery), error)
    try {
      const outcomes = (await this.#handler(deliveries)) as readonly (ItemOutcome | undefined)[] | undefined
      if (outcomes === undefined) return () => HANDLED
      if (!Array.isArray(outcomes)) return i => failed(i, badOutcomes('is neither undefined nor an array'))
      return i => {
        const outcome = outcomes[i]
        if (outcome === 'ack') return HANDLED
        // A missing outcome is a retry: what the handler did not speak of was not done.
        return failed(i, outcome instanceof Error ? outcome : badOutcomes(`has no outcome for item ${i}`))
      }
    } catch (error) {
      return i => failed(i, error)
    }
  }
}

const badOutcomes = (problem: string) =>
  new BusError('HANDLER_FAILED', `the batch handler's result ${problem}`, {
    remedy: "return undefined when all succeeded, or an array with 'ack' or an Error for each item",
  })
