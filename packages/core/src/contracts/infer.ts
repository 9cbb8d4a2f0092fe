import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { CloudEvent } from '../cloudevents/event.ts'
import type { AnyEventContract } from './event.ts'
import type { AnyRequestContract } from './request.ts'
import type { Schema } from './standard-schema.ts'

type TypesOf<C extends AnyEventContract> = NonNullable<C['~types']>

/** What is passed to `publish`. */
export type InputOf<C extends AnyEventContract> = TypesOf<C>['input']

/** The data that a handler gets. */
export type OutputOf<C extends AnyEventContract> = TypesOf<C>['output']

/** The event that a handler gets: literal type, the schema's output, typed extensions. Distributes over a union. */
export type EventOf<C extends AnyEventContract> = C extends AnyEventContract
  ? CloudEvent<OutputOf<C>> & { type: C['type']; data: OutputOf<C> } & TypesOf<C>['extensionValues']
  : never

/** The typed extensions that a handler gets. */
export type ExtensionsOf<C extends AnyEventContract> = TypesOf<C>['extensionValues']

/** The typed extensions that `publish` accepts. */
export type ExtensionInputsOf<C extends AnyEventContract> = TypesOf<C>['extensionInputs']

/** What is passed to `request`. */
export type RequestInput<C extends AnyRequestContract> = StandardSchemaV1.InferInput<C['input']>

/** What a responder gets to answer. */
export type RequestOutput<C extends AnyRequestContract> = StandardSchemaV1.InferOutput<C['input']>

/** What a responder returns. */
export type ResponseInput<C extends AnyRequestContract> = StandardSchemaV1.InferInput<C['output']>

/** What `request` resolves to. */
export type ResponseOutput<C extends AnyRequestContract> = StandardSchemaV1.InferOutput<C['output']>

/** What a responder passes with each declared failure, by its name. */
export type FailuresOf<C extends AnyRequestContract> = {
  readonly [N in string & keyof C['errors']]: C['errors'][N] extends Schema
    ? StandardSchemaV1.InferInput<C['errors'][N]>
    : never
}
