import { isInt32 } from '../cloudevents/attribute-value.ts'
import { isTimestamp } from '../cloudevents/timestamp.ts'
import { isUri } from '../cloudevents/uri.ts'
import type { Issue } from '../errors/bus-error.ts'
import type { Validation } from './standard-schema.ts'

/** CloudEvents' types of attributes. Undeclared extensions reach a handler as canonical strings. */
export const EXTENSION_TYPES = ['string', 'boolean', 'integer', 'binary', 'uri', 'timestamp'] as const

export type ExtensionType = (typeof EXTENSION_TYPES)[number]

/** Extension names and their types, as a contract declares them. */
export type ExtensionTypes = Readonly<Record<string, ExtensionType>>

interface ValueOf {
  string: string
  boolean: boolean
  integer: number
  binary: Uint8Array
  uri: URL
  timestamp: Date
}

/** What a handler finds. Each may be missing: another publisher need not set it. */
export type ExtensionValues<E extends ExtensionTypes> = { readonly [N in keyof E]?: ValueOf[E[N]] }

/** What a publisher may pass: the typed value, or for `uri` and `timestamp` its text. */
export type ExtensionInputs<E extends ExtensionTypes> = {
  readonly [N in keyof E]?: ValueOf[E[N]] | (E[N] extends 'uri' | 'timestamp' ? string : never)
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const INTEGER = /^(?:0|-?[1-9]\d{0,9})$/

/**
 * The typed value of an attribute's canonical string, or undefined if it is not of that type. A timestamp finer than
 * a millisecond is cut to one; declare it `string` to keep the rest.
 */
export function extensionValue<T extends ExtensionType>(type: T, text: string): ValueOf[T] | undefined
export function extensionValue(type: ExtensionType, text: string): ValueOf[ExtensionType] | undefined {
  switch (type) {
    case 'string':
      return text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'integer':
      return INTEGER.test(text) && isInt32(Number(text)) ? Number(text) : undefined
    case 'binary':
      return BASE64.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined
    case 'uri':
      return isUri(text) && URL.canParse(text) ? new URL(text) : undefined
    case 'timestamp': {
      const time = isTimestamp(text) ? new Date(text) : undefined
      return time === undefined || Number.isNaN(time.getTime()) ? undefined : time
    }
  }
}

/** The typed values of a contract's declared extensions, taken from an event; all that do not fit are reported. */
export function readExtensions<E extends ExtensionTypes>(
  types: E,
  event: Readonly<Record<string, unknown>>,
): Validation<ExtensionValues<E>> {
  const values: Record<string, unknown> = {}
  const issues: Issue[] = []
  for (const name of Object.keys(types)) {
    const text = event[name]
    const type = types[name]
    if (text === undefined || type === undefined) continue
    const value = typeof text === 'string' ? extensionValue(type, text) : undefined
    if (value !== undefined) values[name] = value
    else issues.push({ field: name, problem: `${JSON.stringify(text)} is not of type ${type}` })
  }
  return issues.length === 0 ? { ok: true, value: values as ExtensionValues<E> } : { ok: false, issues }
}
