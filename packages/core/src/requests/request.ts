import type { ForeignHeader } from '../adapter/envelope.ts'
import type { CloudEvent } from '../cloudevents/event.ts'
import type { AnyRequestContract, FailuresOf, RequestOutput, ResponseInput } from '../contracts/index.ts'
import type { EventAttributes } from '../publishing/publish.ts'

export interface RequestOptions {
  /** Milliseconds until `REQUEST_TIMEOUT`. Default the contract's, else 10,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal
  readonly headers?: readonly ForeignHeader[]
  readonly attributes?: EventAttributes
}

export interface RespondOptions {
  readonly group: string
  /** Default 16. */
  readonly concurrency?: number
}

export interface RequestDelivery<C extends AnyRequestContract> {
  readonly input: RequestOutput<C>
  readonly event: CloudEvent
  readonly topic: string
  readonly group: string
  readonly headers: readonly ForeignHeader[]
  /** Aborts at the requester's deadline, and when the bus is forced to stop. */
  readonly signal: AbortSignal
  /** Answers with a declared error. Throws, so nothing after it runs. */
  fail<Name extends keyof FailuresOf<C> & string>(name: Name, data: FailuresOf<C>[Name]): never
}

export type Responder<C extends AnyRequestContract> = (
  request: RequestDelivery<C>,
) => ResponseInput<C> | Promise<ResponseInput<C>>
