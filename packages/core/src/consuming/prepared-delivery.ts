import type { Envelope, ForeignHeader } from '../adapter/envelope.ts'
import { decodeData } from '../cloudevents/decode.ts'
import type { CloudEvent } from '../cloudevents/event.ts'
import type { TypedDelivery } from './delivery.ts'
import type { Held } from './held.ts'

/** What a handler gets. Whatever costs something and is seldom looked at is made when first asked for. */
export class PreparedDelivery implements TypedDelivery {
  readonly type: string
  readonly data: unknown
  readonly extensions: Readonly<Record<string, unknown>>
  readonly group: string | undefined
  readonly #held: Held
  readonly #envelope: Envelope
  readonly #attempt: number
  #event: CloudEvent | undefined

  constructor(
    held: Held,
    envelope: Envelope,
    data: unknown,
    extensions: Readonly<Record<string, unknown>>,
    group: string | undefined,
  ) {
    this.type = envelope.attributes.type ?? ''
    this.data = data
    this.extensions = extensions
    this.group = group
    this.#held = held
    this.#envelope = envelope
    // A broadcast's later attempts reuse the record.
    this.#attempt = held.attempt
  }

  /** For what a handler's publishes inherit. */
  get attributes(): Readonly<Record<string, string>> {
    return this.#envelope.attributes
  }

  get topic(): string {
    return this.#held.delivery.topic
  }

  get key(): string | undefined {
    return this.#held.delivery.key
  }

  get attempt(): number {
    return this.#attempt
  }

  get redelivered(): boolean {
    const { delivery } = this.#held
    return this.#attempt > 1 || delivery.redeliveries > 0 || delivery.marks > 0
  }

  get position(): string | undefined {
    return this.#held.delivery.position
  }

  get headers(): readonly ForeignHeader[] {
    // A copy, for the same reason as the body's.
    return this.#envelope.headers.map(([name, value]) => [
      name,
      typeof value === 'string' ? value : new Uint8Array(value),
    ])
  }

  get body(): Uint8Array | null {
    const { body } = this.#envelope
    // A copy: a handler's changes must not leak into the next attempt or the dead letter.
    return body === null ? null : new Uint8Array(body)
  }

  get signal(): AbortSignal {
    return this.#held.signal
  }

  get event(): CloudEvent {
    if (this.#event === undefined) {
      this.#event = { ...this.#envelope.attributes } as CloudEvent
      // Decoded anew: a schema may have changed `data` in place, and the event is as it was published.
      const data = decodeData(this.#envelope)
      if (data !== undefined) this.#event.data = data
    }
    return this.#event
  }

  /** The same delivery as an instance of a subclass. */
  static copyTo<D extends PreparedDelivery>(
    from: PreparedDelivery,
    type: new (...args: ConstructorParameters<typeof PreparedDelivery>) => D,
  ): D {
    return new type(from.#held, from.#envelope, from.data, from.extensions, from.group)
  }

  static heldOf(delivery: PreparedDelivery): Held {
    return delivery.#held
  }
}
