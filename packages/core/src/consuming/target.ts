import type { AnyEventContract, ExtensionsOf, OutputOf, Topic } from '../contracts/index.ts'
import type { ItemOutcome, TypedDelivery } from './delivery.ts'

/** A contract, several of them, or a topic of raw events. */
export type Target = AnyEventContract | readonly [AnyEventContract, ...AnyEventContract[]] | Topic | string

/** The delivery a target's handler gets: of several contracts, a union told apart by `type`. */
export type DeliveryOf<T extends Target> = T extends readonly (infer C)[]
  ? C extends AnyEventContract
    ? TypedDelivery<C['type'], OutputOf<C>, ExtensionsOf<C>>
    : never
  : T extends AnyEventContract
    ? TypedDelivery<T['type'], OutputOf<T>, ExtensionsOf<T>>
    : TypedDelivery

export type Handler<T extends Target> = (delivery: DeliveryOf<T>) => unknown

/** Undefined acks all. An array has an outcome for each item; one that is missing is retried. A throw fails all. */
export type BatchHandler<T extends Target> = (
  deliveries: readonly DeliveryOf<T>[],
) => BatchOutcome | Promise<BatchOutcome>

// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement returns void.
type BatchOutcome = void | readonly (ItemOutcome | undefined)[]
