import type { Envelope, ForeignHeader } from '../adapter/envelope.ts'
import type { CloudEvent } from '../cloudevents/event.ts'
import type { Held } from '../consuming/held.ts'
import type { AnyRequestContract } from '../contracts/index.ts'
import { BusError } from '../errors/bus-error.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { RequestDelivery } from './request.ts'
import { DeclaredFailure } from './request-failed.ts'

export interface ReceivedRequestOptions {
  readonly held: Held
  readonly envelope: Envelope
  /** As it came; `input` is what the schema made of it. */
  readonly data: unknown
  readonly input: unknown
  readonly group: string
  /** Milliseconds since the epoch; undefined: it does not say. */
  readonly expiresAt: number | undefined
  readonly clock: Clock
}

/** What a responder gets. What costs something and is seldom looked at is made when first asked for. */
export class ReceivedRequest implements RequestDelivery<AnyRequestContract> {
  // biome-ignore lint/suspicious/noExplicitAny: the contract's schema gives it its type.
  readonly input: any
  readonly #o: ReceivedRequestOptions
  #event: CloudEvent | undefined
  #timer: Timer | undefined
  #over = false

  constructor(options: ReceivedRequestOptions) {
    this.#o = options
    this.input = options.input
  }

  get event(): CloudEvent {
    if (this.#event === undefined) {
      this.#event = { ...this.#o.envelope.attributes } as CloudEvent
      if (this.#o.data !== undefined) this.#event.data = this.#o.data
    }
    return this.#event
  }

  get topic(): string {
    return this.#o.held.delivery.topic
  }

  get group(): string {
    return this.#o.group
  }

  get headers(): readonly ForeignHeader[] {
    return this.#o.envelope.headers
  }

  /** Only whoever looks at it has to be told that the requester no longer waits: nobody else pays for the timer. */
  get signal(): AbortSignal {
    const { held, expiresAt, clock } = this.#o
    if (expiresAt !== undefined && this.#timer === undefined && !this.#over) {
      const left = expiresAt - clock.now()
      if (left <= 0) held.abort(noLongerWaits())
      else this.#timer = clock.setTimer(left, () => held.abort(noLongerWaits()))
    }
    return held.signal
  }

  fail(name: string, data: unknown): never {
    throw new DeclaredFailure(name, data)
  }

  /** It has been answered. */
  end(): void {
    this.#over = true
    this.#timer?.cancel()
  }
}

const noLongerWaits = () =>
  new BusError('REQUEST_TIMEOUT', 'the requester no longer waits', { remedy: 'stop working on it' })
