import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { RetryPolicyInput } from '../retry/policy.ts'
import { branded, hasBrand } from './brand.ts'
import { eventProblems, refuse } from './definition.ts'
import type { ExtensionInputs, ExtensionTypes, ExtensionValues } from './extensions.ts'
import type { Schema } from './standard-schema.ts'
import { type Topic, toTopic } from './topic.ts'

export interface EventDefinition<S extends Schema = Schema, E extends ExtensionTypes = ExtensionTypes> {
  /** A bare name is an unordered topic with defaults. */
  readonly topic: Topic | string
  /**
   * Validates data on publish and on handling. The wire carries what was passed, a handler gets the schema's output,
   * so a schema must accept what JSON makes of its own input. Without it data is `unknown` and not validated.
   */
  readonly data?: S
  /** The partitioning key of an event, from what the publisher passes. Required on an ordered topic. */
  readonly key?: (data: StandardSchemaV1.InferInput<S>) => string
  /** Absolute URI of the schema, set on published events. */
  readonly dataschema?: string
  /** Media type of data. Default `application/json`. */
  readonly datacontenttype?: string
  /** `source` of published events. Default: the bus's. */
  readonly source?: string
  /** Typed extension attributes: names of lower-case letters and digits. */
  readonly extensions?: E
  /** Replaces the subscription's and the bus's policy, field by field. A budget belongs to the subscription. */
  readonly retry?: Omit<RetryPolicyInput, 'budget'>
}

/** An event type, its topic and its data. A plain frozen value without any driver. Made by {@link event}. */
export interface EventContract<
  Type extends string = string,
  In = unknown,
  Out = unknown,
  E extends ExtensionTypes = ExtensionTypes,
> {
  readonly kind: 'event'
  readonly type: Type
  readonly topic: Topic
  readonly data: Schema<In, Out> | undefined
  readonly key: ((data: In) => string) | undefined
  readonly dataschema: string | undefined
  readonly datacontenttype: string | undefined
  readonly source: string | undefined
  readonly extensions: E
  readonly retry: RetryPolicyInput | undefined
  /** Types only; never set. */
  readonly '~types'?: {
    readonly input: In
    readonly output: Out
    readonly extensionInputs: ExtensionInputs<E>
    readonly extensionValues: ExtensionValues<E>
  }
}

// biome-ignore lint/suspicious/noExplicitAny: `key` takes In, so that only `any` admits every contract.
export type AnyEventContract = EventContract<string, any, any, any>

// biome-ignore lint/complexity/noBannedTypes: no declared extensions.
type NoExtensions = {}

/**
 * Declares an event type.
 * @param type the CloudEvents `type`, conventionally a reversed domain name.
 * @throws BusError INVALID_CONTRACT listing everything that is wrong with the definition.
 */
export function event<
  const Type extends string,
  S extends Schema = Schema,
  const E extends ExtensionTypes = NoExtensions,
>(
  type: Type,
  definition: EventDefinition<S, E>,
): EventContract<Type, StandardSchemaV1.InferInput<S>, StandardSchemaV1.InferOutput<S>, E> {
  refuse(`event '${type}'`, eventProblems(type, definition))
  return branded('event', {
    kind: 'event',
    type,
    topic: toTopic(definition.topic),
    data: definition.data as
      | Schema<StandardSchemaV1.InferInput<S>, StandardSchemaV1.InferOutput<S>>
      | undefined,
    key: definition.key,
    dataschema: definition.dataschema,
    datacontenttype: definition.datacontenttype,
    source: definition.source,
    extensions: Object.freeze({ ...definition.extensions }) as E,
    retry: definition.retry,
  })
}

export const isEventContract = (value: unknown): value is AnyEventContract => hasBrand(value, 'event')
