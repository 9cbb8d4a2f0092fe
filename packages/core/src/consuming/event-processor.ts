import type { Instrumentation } from '../instrumentation/instrumentation.ts'
import type { HandleMiddleware } from '../instrumentation/middleware.ts'
import type { Processor } from './engine.ts'
import { runHandling } from './handling-context.ts'
import type { Held } from './held.ts'
import type { Preparation } from './preparation.ts'
import { PreparedDelivery } from './prepared-delivery.ts'
import { HANDLED, type Verdict } from './verdict.ts'

export interface EventProcessorOptions {
  readonly preparation: Preparation
  readonly handler: (delivery: PreparedDelivery) => unknown
  readonly middleware: readonly HandleMiddleware[]
  readonly instrumentation: Instrumentation | undefined
}

/** One event, one handler call. A handler that returns no promise costs none. */
export class EventProcessor implements Processor {
  readonly batchSize = 1
  readonly batchWait = 0
  readonly #preparation: Preparation
  readonly #call: (delivery: PreparedDelivery) => unknown

  constructor(options: EventProcessorOptions) {
    this.#preparation = options.preparation
    this.#call = withInstrumentation(
      options.instrumentation,
      withMiddleware(options.middleware, options.handler),
    )
  }

  inspect(held: Held): 'run' | 'suspect' | Verdict {
    return this.#preparation.inspect(held)
  }

  run(batch: readonly Held[], settle: (held: Held, verdict: Verdict) => void): void | Promise<void> {
    const [held] = batch
    if (held === undefined) return
    const prepared = this.#preparation.prepare(held)
    if (prepared instanceof Promise) return prepared.then(ready => this.#handle(held, ready, settle))
    return this.#handle(held, prepared, settle)
  }

  #handle(
    held: Held,
    prepared: PreparedDelivery | Verdict,
    settle: (held: Held, verdict: Verdict) => void,
  ): void | Promise<void> {
    if (!(prepared instanceof PreparedDelivery)) {
      settle(held, prepared)
      return
    }
    let result: unknown
    try {
      result = runHandling({ attributes: PreparedDelivery.attributesOf(prepared) }, () =>
        this.#call(prepared),
      )
    } catch (error) {
      settle(held, this.#preparation.failed(held, error))
      return
    }
    if (!isThenable(result)) {
      settle(held, HANDLED)
      return
    }
    return Promise.resolve(result).then(
      () => settle(held, HANDLED),
      error => settle(held, this.#preparation.failed(held, error)),
    )
  }
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

export function withMiddleware<D extends PreparedDelivery>(
  middleware: readonly HandleMiddleware[],
  handler: (delivery: D) => unknown,
): (delivery: D) => unknown {
  if (middleware.length === 0) return handler
  return delivery => {
    const run = async (i: number): Promise<unknown> => {
      const next = middleware[i]
      return next === undefined ? handler(delivery) : next(delivery, () => run(i + 1))
    }
    return run(0)
  }
}

export function withInstrumentation<D extends PreparedDelivery>(
  instrumentation: Instrumentation | undefined,
  call: (delivery: D) => unknown,
): (delivery: D) => unknown {
  const handle = instrumentation?.handle
  return handle === undefined
    ? call
    : delivery => handle.call(instrumentation, delivery, () => call(delivery))
}
