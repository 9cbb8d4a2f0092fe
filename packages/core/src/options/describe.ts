import type { OptionSpec } from './spec.ts'

/** What a spec accepts, as the words that follow "must be". */
export function describe(spec: OptionSpec): string {
  switch (spec.kind) {
    case 'any':
      return 'a value'
    case 'boolean':
      return 'true or false'
    case 'function':
      return 'a function'
    case 'string':
      return (spec.min ?? 1) > 0 ? 'a non-empty string' : 'a string'
    case 'number':
      return describeNumber(spec)
    case 'one-of':
      return spec.values.map(show).join(' or ')
    case 'array':
      return spec.min > 0 ? `an array of at least ${spec.min}` : 'an array'
    case 'record':
    case 'object':
    case 'variants':
      return 'an object'
    case 'any-of':
      return spec.specs.map(describe).join(', or ')
    case 'custom':
      return spec.expected
  }
}

/** A value as a message shows it: short, and never with the contents of an object, which may be secret. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}...` : value}'`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}

function describeNumber(spec: OptionSpec & { readonly kind: 'number' }): string {
  const { min, max } = spec
  const noun = spec.integer === true ? 'a whole number' : 'a number'
  const range =
    min !== undefined && max !== undefined
      ? ` from ${min} to ${max}`
      : min !== undefined
        ? `, ${min} or more`
        : max !== undefined
          ? `, ${max} or less`
          : ''
  return `${noun}${spec.unit === undefined ? '' : ` of ${spec.unit}`}${range}`
}
