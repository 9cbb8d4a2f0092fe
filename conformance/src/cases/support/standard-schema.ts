/** The part of Standard Schema (standardschema.dev) that a case needs; structural, so that no library is. */
export interface SmallSchema<Input, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: 'conformance'
    readonly validate: (value: unknown) => Checked<Output> | Promise<Checked<Output>>
    readonly types?: { readonly input: Input; readonly output: Output }
  }
}

type Checked<T> =
  | { readonly value: T }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly PropertyKey[] }[] }

/** A schema that takes objects in which every named field has the named type, and refuses the rest. */
export function fields<T extends object>(
  types: { readonly [K in keyof T]: 'string' | 'number' },
): SmallSchema<T> {
  return schema<T>(value => {
    const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
    const issues = Object.entries(types)
      .filter(([name, type]) => typeof given[name] !== type)
      .map(([name, type]) => ({ message: `is not a ${type}`, path: [name] }))
    return issues.length > 0 ? { issues } : { value: value as T }
  })
}

/** A schema from a function; what it throws is the validator's own failure, not the data's. */
export function schema<Input, Output = Input>(
  validate: (value: unknown) => Checked<Output> | Promise<Checked<Output>>,
): SmallSchema<Input, Output> {
  return { '~standard': { version: 1, vendor: 'conformance', validate } }
}
