import type { AdapterContext, Subscription } from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import { callError, type Link, NotSent } from '../connection/link.ts'

/** Makes the connection that a subscription blocks on. */
export type OpenReader = (events: { onUp(): void; onDown(cause: unknown): void }, name: string) => Link

/** What each kind of subscription needs of the broker. */
export interface ReaderOptions {
  readonly context: AdapterContext
  /** The broker's shared connection. */
  readonly link: Link
  readonly openReader: OpenReader
  /** Milliseconds to block. */
  readonly block: number
  readonly onClosed: (subscription: Subscription) => void
}

export interface ReadingOptions {
  readonly context: AdapterContext
  /** The connection that blocks. */
  readonly reader: Link
  /** Another one, to unblock it by. */
  readonly link: Link
  /** How much more may be read. */
  free(): number
  /** Reads once, or as often as there is more at once. */
  read(free: number): Promise<void>
  /** A read failed, not merely for want of a connection. Default: it is reported. */
  failed?(error: unknown): Promise<void> | void
  /** It has ended, though nobody stopped it; called a moment later. */
  again(): void
}

const AGAIN = 100
const UNBLOCK_AGAIN = 20

/** Reads again and again while there is room, until it is stopped or the connection is lost. */
export class Reading {
  readonly #o: ReadingOptions
  #running: Promise<void> | undefined
  #stopped = false
  #wake: (() => void) | undefined
  #again: Timer | undefined

  constructor(options: ReadingOptions) {
    this.#o = options
  }

  get running(): boolean {
    return this.#running !== undefined
  }

  start(): void {
    if (this.#running !== undefined || this.#stopped) return
    this.#running = this.#run()
      .catch(error => this.#failed(error))
      .finally(() => {
        this.#running = undefined
        if (!this.#stopped) this.later()
      })
  }

  /** Has `again` called in a moment. */
  later(): void {
    this.#again?.cancel()
    this.#again = this.#o.context.clock.setTimer(AGAIN, () => this.#o.again())
  }

  /** There may be room, or reason to stop. */
  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  /** Resolves when nothing is read any more, or the signal aborts. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped = true
    this.#again?.cancel()
    this.wake()
    const { reader, context } = this.#o
    while (this.#running !== undefined && reader.state === 'up' && !signal.aborted) {
      await this.unblock()
      // The read may still be on its way to the server, where there is nothing to unblock yet.
      const again = new Promise<void>(resolve => context.clock.setTimer(UNBLOCK_AGAIN, resolve))
      await Promise.race([this.#running, again])
    }
  }

  /** Has a blocked read answered now, with nothing. */
  async unblock(): Promise<void> {
    const { reader, link } = this.#o
    if (reader.id !== undefined && link.state === 'up')
      await link.call('CLIENT', ['UNBLOCK', reader.id]).catch(() => {})
  }

  async #run(): Promise<void> {
    const { reader } = this.#o
    while (!this.#stopped && reader.state === 'up') {
      const free = this.#o.free()
      if (free > 0) await this.#o.read(free)
      else
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#stopped || error instanceof NotSent) return
    if (this.#o.failed !== undefined) return this.#o.failed(error)
    const problem = callError(error)
    if (problem.code !== 'CONNECTION_LOST') this.#o.context.onError(problem, 'read')
  }
}
