import type { Delivery } from '../adapter/subscription.ts'
import { BusError } from '../errors/bus-error.ts'
import type { Ended } from '../instrumentation/instrumentation.ts'
import type { Clock, Timer } from '../time/clock.ts'

export interface PendingRequestOptions {
  readonly type: string
  /** Milliseconds. */
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
  readonly onTimeout: () => void
  /** Called first of all when it ends, once. */
  readonly onEnd: (outcome: Ended) => void
  /** Makes the caller's value of a reply, or throws. */
  readonly read: (reply: Delivery) => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** One request from its sending until its reply, its failure, its timeout or its abort, whichever is first. */
export class PendingRequest {
  readonly #o: PendingRequestOptions
  readonly #timer: Timer
  readonly #onAbort: (() => void) | undefined
  #ended = false

  constructor(options: PendingRequestOptions) {
    const { clock, timeout, signal } = options
    this.#o = options
    this.#timer = clock.setTimer(timeout, () => this.#timedOut(), { keepAlive: true })
    if (signal === undefined) return
    this.#onAbort = () => this.fail(abortedBy(signal))
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  get type(): string {
    return this.#o.type
  }

  get ended(): boolean {
    return this.#ended
  }

  answer(reply: Delivery): void {
    if (!this.#end({ ok: true })) return
    const { read, resolve, reject } = this.#o
    try {
      resolve(read(reply))
    } catch (error) {
      reject(error)
    }
  }

  fail(error: BusError): void {
    if (this.#end({ ok: false, error })) this.#o.reject(error)
  }

  #timedOut(): void {
    const { type, timeout, onTimeout } = this.#o
    onTimeout()
    this.fail(
      new BusError('REQUEST_TIMEOUT', `"${type}" was not answered within ${timeout} ms`, {
        retryable: true,
        remedy: 'see whether a responder runs and keeps up, or pass a longer timeout',
      }),
    )
  }

  /** Whether it was still open. */
  #end(outcome: Ended): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#timer.cancel()
    if (this.#onAbort !== undefined) this.#o.signal?.removeEventListener('abort', this.#onAbort)
    this.#o.onEnd(outcome)
    return true
  }
}

export const abortedBy = (signal: AbortSignal) =>
  new BusError('ABORTED', 'the request was aborted by its caller', { cause: signal.reason })
