import type { AdapterContext } from '@busbar/core/adapter'

/**
 * The bus is live while each of its connections is up: over the shared one alone a request would go out whose reply, on a channel
 * that nobody is subscribed to yet, is dropped by the server.
 */
export class LinkStates {
  readonly #onState: AdapterContext['onState']
  readonly #down = new Set<string>()
  #live = false

  constructor(onState: AdapterContext['onState']) {
    this.#onState = onState
  }

  up(name: string): void {
    this.#down.delete(name)
    if (this.#live || this.#down.size > 0) return
    this.#live = true
    this.#onState('live')
  }

  down(name: string, cause: unknown): void {
    this.#down.add(name)
    if (!this.#live) return
    this.#live = false
    this.#onState('reconnecting', cause)
  }

  /** The connection is not needed any more. */
  forget(name: string): void {
    if (this.#down.has(name)) this.up(name)
  }
}
