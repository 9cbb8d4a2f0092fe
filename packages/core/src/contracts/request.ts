import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type BusError, isBusError } from '../errors/bus-error.ts'
import { branded, hasBrand } from './brand.ts'
import { refuse, requestProblems } from './definition.ts'
import type { Schema } from './standard-schema.ts'
import { type Topic, toTopic } from './topic.ts'

/** Declared failures: names and the schema of what each one carries. */
export type FailureSchemas = Readonly<Record<string, Schema>>

export interface RequestDefinition<
  I extends Schema = Schema,
  O extends Schema = Schema,
  F extends FailureSchemas = FailureSchemas,
> {
  /** A bare name is an unordered topic with defaults. */
  readonly topic: Topic | string
  /** What is asked. The requester passes the schema's input, the responder gets its output. */
  readonly input: I
  /** What is answered. The responder returns the schema's input, the requester gets its output. */
  readonly output: O
  /** Failures that the responder may answer with instead. Names of letters, digits and `_`, 64 at most. */
  readonly errors?: F
  /** Milliseconds until a request of this type is given up, unless the call says otherwise. Default: the bus's. */
  readonly timeout?: number
}

/** A request type, its topic, and the data of question, answer and failures. Made by {@link request}. */
export interface RequestContract<
  Type extends string = string,
  I extends Schema = Schema,
  O extends Schema = Schema,
  F extends FailureSchemas = FailureSchemas,
> {
  readonly kind: 'request'
  readonly type: Type
  readonly topic: Topic
  readonly input: I
  readonly output: O
  readonly errors: F
  readonly timeout: number | undefined
  /** Whether `error` is this request's declared failure `name`; its `data` then has that failure's type. */
  isFailure<N extends string & keyof F>(
    error: unknown,
    name: N,
  ): error is RequestFailure<N, StandardSchemaV1.InferOutput<F[N]>>
}

// biome-ignore lint/suspicious/noExplicitAny: admits every contract, whichever way its types are used.
export type AnyRequestContract = RequestContract<string, any, any, any>

/** What `bus.request` rejects with when the responder answers with a declared failure. */
export type RequestFailure<Name extends string = string, Data = unknown> = BusError & {
  readonly code: 'REQUEST_FAILED'
  readonly requestType: string
  readonly failure: Name
  readonly data: Data
}

// biome-ignore lint/complexity/noBannedTypes: no declared failures.
type NoFailures = {}

/**
 * Declares a request type.
 * @param type the CloudEvents `type` of the question.
 * @throws BusError INVALID_CONTRACT listing everything that is wrong with the definition.
 */
export function request<
  const Type extends string,
  I extends Schema,
  O extends Schema,
  F extends FailureSchemas = NoFailures,
>(type: Type, definition: RequestDefinition<I, O, F>): RequestContract<Type, I, O, F> {
  refuse(`request '${type}'`, requestProblems(type, definition))
  const isFailure = (error: unknown, name: string): boolean => {
    if (!isBusError(error, 'REQUEST_FAILED')) return false
    const { requestType, failure } = error as Partial<RequestFailure>
    return requestType === type && failure === name
  }
  return branded('request', {
    kind: 'request',
    type,
    topic: toTopic(definition.topic),
    input: definition.input,
    output: definition.output,
    errors: Object.freeze({ ...definition.errors }) as F,
    timeout: definition.timeout,
    isFailure: isFailure as RequestContract<Type, I, O, F>['isFailure'],
  })
}

export const isRequestContract = (value: unknown): value is AnyRequestContract => hasBrand(value, 'request')
