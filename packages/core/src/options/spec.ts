/**
 * What an option may be, as plain data. Options are optional unless wrapped in {@link required}; an explicit
 * `undefined` counts as left out.
 */
export type OptionSpec = OptionKind & { readonly required?: true }

type OptionKind =
  | { readonly kind: 'any' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'function' }
  | ({ readonly kind: 'string' } & StringLimits)
  | ({ readonly kind: 'number' } & NumberLimits)
  | { readonly kind: 'one-of'; readonly values: readonly unknown[] }
  | { readonly kind: 'array'; readonly of: OptionSpec; readonly min: number }
  | { readonly kind: 'record'; readonly of: OptionSpec }
  | ObjectSpec
  | {
      readonly kind: 'variants'
      readonly tag: string
      readonly variants: Readonly<Record<string, ObjectSpec>>
    }
  | { readonly kind: 'any-of'; readonly specs: readonly OptionSpec[] }
  | { readonly kind: 'custom'; readonly expected: string; readonly accepts: (value: unknown) => boolean }

export interface ObjectSpec {
  readonly kind: 'object'
  /** Without a prototype, so that an option named `constructor` is as unknown as any other. */
  readonly fields: Readonly<Record<string, OptionSpec>>
  readonly requiredFields: readonly string[]
  readonly required?: true
}

export interface NumberLimits {
  readonly min?: number
  readonly max?: number
  readonly integer?: boolean
  /** `Infinity` is a legal value ("no limit"). Default false. */
  readonly infinite?: boolean
  /** Named in messages: `milliseconds`, `bytes`. */
  readonly unit?: string
}

export interface StringLimits {
  /** Least length. Default 1: an empty string is hardly ever meant. */
  readonly min?: number
}

export const any = (): OptionSpec => ({ kind: 'any' })
export const boolean = (): OptionSpec => ({ kind: 'boolean' })
export const fn = (): OptionSpec => ({ kind: 'function' })
export const string = (limits: StringLimits = {}): OptionSpec => ({ kind: 'string', ...limits })
export const number = (limits: NumberLimits = {}): OptionSpec => ({ kind: 'number', ...limits })
/** A whole number of milliseconds of at least `min` (default 0). */
export const milliseconds = (limits: NumberLimits = {}): OptionSpec =>
  number({ min: 0, integer: true, unit: 'milliseconds', ...limits })
export const oneOf = (values: readonly unknown[]): OptionSpec => ({ kind: 'one-of', values })
/** @param limits.min least number of entries. Default 0. */
export const array = (of: OptionSpec, limits: { readonly min?: number } = {}): OptionSpec => ({
  kind: 'array',
  of,
  min: limits.min ?? 0,
})
/** An object with any names, and values of one kind. */
export const record = (of: OptionSpec): OptionSpec => ({ kind: 'record', of })
/** An object with these names and no others. */
export const object = (fields: Readonly<Record<string, OptionSpec>>): ObjectSpec => ({
  kind: 'object',
  fields: Object.assign(Object.create(null), fields),
  requiredFields: Object.keys(fields).filter(name => fields[name]?.required === true),
})
/** A union of objects told apart by the string in `tag`; `fields` are those beside it. */
export const variants = (
  tag: string,
  fields: Readonly<Record<string, Readonly<Record<string, OptionSpec>>>>,
): OptionSpec => ({
  kind: 'variants',
  tag,
  variants: Object.assign(
    Object.create(null),
    Object.fromEntries(Object.entries(fields).map(([name, own]) => [name, object({ [tag]: any(), ...own })])),
  ),
})
/** Whatever one of the given specs accepts. */
export const anyOf = (specs: readonly OptionSpec[]): OptionSpec => ({ kind: 'any-of', specs })
/** @param expected how the message names it, e.g. `a Standard Schema`. */
export const custom = (expected: string, accepts: (value: unknown) => boolean): OptionSpec => ({
  kind: 'custom',
  expected,
  accepts,
})
export const required = <S extends OptionSpec>(spec: S): S & { readonly required: true } => ({
  ...spec,
  required: true,
})
