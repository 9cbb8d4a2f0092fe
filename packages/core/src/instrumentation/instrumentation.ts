import type { CloudEventInput } from '../cloudevents/event.ts'
import type { TypedDelivery } from '../consuming/delivery.ts'

/** How a publish, a handler or a request ended. */
export type Ended = { readonly ok: true } | { readonly ok: false; readonly error: unknown }

export type SettledAs = 'ack' | 'retry' | 'dead' | 'release' | 'dropped'

/**
 * Observes the bus. Every hook is optional, and an absent one costs nothing. A hook that returns a function has it called
 * when the thing ends. Hooks run synchronously and must not throw; one that does is reported and otherwise ignored.
 */
export interface Instrumentation {
  /** A publish begins. Extensions such as `traceparent` may be set on `event` if it was `built` from a contract. */
  publish?(info: {
    readonly topic: string
    readonly built: boolean
    readonly event: CloudEventInput
    readonly headers: [string, string | Uint8Array][]
  }): ((end: Ended) => void) | undefined
  /**
   * A handler of `subscribe` starts (batch handlers and streams have none for a single delivery). `run` calls it, so that a
   * tracer can make its span the active one, and returns what it returns.
   */
  handle?(delivery: TypedDelivery, run: () => unknown): unknown
  settled?(info: {
    readonly topic: string
    readonly group: string | undefined
    readonly type: string | undefined
    readonly as: SettledAs
    readonly attempt: number
    readonly reason?: string
  }): void
  request?(info: {
    readonly topic: string
    readonly event: CloudEventInput
  }): ((end: Ended) => void) | undefined
}
