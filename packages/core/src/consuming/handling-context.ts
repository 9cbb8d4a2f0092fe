import { AsyncLocalStorage } from 'node:async_hooks'

/** The event whose handler is running, as far as what it publishes inherits from it. */
export interface HandlingContext {
  readonly attributes: Readonly<Record<string, string>>
}

const storage = new AsyncLocalStorage<HandlingContext>()

/** Runs a handler so that what it publishes, however deep in its calls, knows the event it came from. */
export const runHandling = <A, T>(context: HandlingContext, run: (argument: A) => T, argument: A): T =>
  storage.run(context, run, argument)

export const currentHandling = (): HandlingContext | undefined => storage.getStore()
