import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Issue } from '../errors/bus-error.ts'

/** The interface that zod, valibot, arktype and others share. */
export type Schema<In = unknown, Out = In> = StandardSchemaV1<In, Out>

export type Validation<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * Validates a value. A schema that answers at once costs no promise.
 * @param field goes before the path of each issue: `data` makes `data.total`. Default `data`.
 * @throws whatever a validator throws (or rejects with): that it failed says nothing about the value.
 */
export function validate<Out>(
  schema: Schema<unknown, Out>,
  value: unknown,
  field = 'data',
): Validation<Out> | Promise<Validation<Out>> {
  const result = schema['~standard'].validate(value)
  // Any thenable: a promise may come from another realm.
  return 'then' in result ? result.then(late => toValidation(late, field)) : toValidation(result, field)
}

/** Whether a value can serve as a schema. Those of arktype are functions. */
export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard = (value as { '~standard'?: unknown })['~standard']
  return (
    typeof standard === 'object' &&
    standard !== null &&
    typeof (standard as { validate?: unknown }).validate === 'function'
  )
}

function toValidation<Out>(result: StandardSchemaV1.Result<Out>, field: string): Validation<Out> {
  if (result.issues === undefined) return { ok: true, value: result.value }
  return {
    ok: false,
    issues: result.issues.map(issue => ({ field: fieldOf(issue.path, field), problem: issue.message })),
  }
}

function fieldOf(path: StandardSchemaV1.Issue['path'], field: string): string {
  let name = field
  for (const segment of path ?? []) name += `.${String(typeof segment === 'object' ? segment.key : segment)}`
  return name
}
