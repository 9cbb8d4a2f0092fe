import type { ForeignHeader } from '../adapter/envelope.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'
import type { AnyEventContract, InputOf, Topic } from '../contracts/index.ts'
import type { BusError } from '../errors/bus-error.ts'

/** Options of one publish. */
export interface PublishOptions {
  /** Milliseconds to wait before the event becomes visible. Not together with `notBefore`. */
  readonly delay?: number
  readonly notBefore?: Date
  /** Overrides the contract's key. */
  readonly key?: string
  /** Refuse with `UNROUTABLE` if no group gets it. */
  readonly mustRoute?: boolean
  /** Milliseconds; default the bus's `publishing.timeout`. */
  readonly timeout?: number
  readonly signal?: AbortSignal
  /** Foreign headers to send along. */
  readonly headers?: readonly ForeignHeader[]
  /** Attributes of an event built from a contract: `id`, `subject`, `time`, `expirytime`, extensions. */
  readonly attributes?: EventAttributes
}

/** Attributes to set on an event that core builds. An extension may be a boolean, an int32, a string, bytes, a Date or a URL. */
export type EventAttributes = {
  readonly id?: string
  readonly source?: string
  readonly subject?: string
  readonly time?: string | Date
  readonly [extension: string]: unknown
}

/** A confirmed publish. */
export interface PublishReceipt {
  readonly id: string
  readonly position: string | undefined
  /** The broker already had it. */
  readonly duplicate: boolean
}

/** One entry of {@link Bus.publishBatch}: a contract with its data, or a topic with a whole event. */
export type BatchEntry<C extends AnyEventContract = AnyEventContract> =
  | { readonly contract: C; readonly data: InputOf<C>; readonly options?: PublishOptions }
  | { readonly topic: Topic | string; readonly event: CloudEventInput; readonly options?: PublishOptions }

export type BatchResult =
  | { readonly status: 'confirmed'; readonly receipt: PublishReceipt }
  | { readonly status: 'failed'; readonly error: BusError }
