import type { Instrumentation } from '../instrumentation/instrumentation.ts'
import type { HandleMiddleware } from '../instrumentation/middleware.ts'
import { HandlingScope } from './handling-context.ts'
import type { Held } from './held.ts'
import type { Preparation } from './preparation.ts'
import { PreparedDelivery } from './prepared-delivery.ts'
import type { Processor } from './processor.ts'
import { HANDLED, type Verdict } from './verdict.ts'

export interface EventProcessorOptions {
  readonly preparation: Preparation
  readonly handler: (delivery: PreparedDelivery) => unknown
  readonly middleware: readonly HandleMiddleware[]
  readonly instrumentation: Instrumentation | undefined
  readonly guard: Guard
}

/** Runs a hook, and reports what it throws. */
type Guard = <T>(where: string, run: () => T) => T | undefined

/** One event, one handler call. A handler that returns no promise costs none. */
export class EventProcessor implements Processor {
  readonly batchSize = 1
  readonly batchWait = 0
  readonly #preparation: Preparation
  readonly #scope = new HandlingScope()
  readonly #call: (delivery: PreparedDelivery) => unknown

  constructor(options: EventProcessorOptions) {
    this.#preparation = options.preparation
    this.#call = withInstrumentation(
      options.instrumentation,
      options.guard,
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
      result = this.#scope.run(prepared, this.#call, prepared)
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

/**
 * Lets the hook run the handler, and goes by the handler alone: a hook that throws, forgets to run it or does not hand its
 * promise back changes nothing about the event.
 */
export function withInstrumentation<D extends PreparedDelivery>(
  instrumentation: Instrumentation | undefined,
  guard: Guard,
  call: (delivery: D) => unknown,
): (delivery: D) => unknown {
  if (instrumentation?.handle === undefined) return call
  return delivery => {
    let outcome: { readonly value: unknown } | { readonly error: unknown } | undefined
    const run = () => {
      if (outcome === undefined) {
        try {
          outcome = { value: call(delivery) }
        } catch (error) {
          outcome = { error }
        }
      }
      if ('error' in outcome) throw outcome.error
      return outcome.value
    }
    try {
      const observed = instrumentation.handle?.(delivery, run)
      // What the hook makes of a failed handler is its own affair; as a rule it rejects with the handler's error.
      if (isThenable(observed)) observed.then(undefined, () => {})
    } catch (error) {
      if (outcome === undefined || !('error' in outcome) || outcome.error !== error) {
        guard('instrumentation.handle', () => {
          throw error
        })
      }
    }
    return run()
  }
}
