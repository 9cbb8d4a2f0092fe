import { type Issue, issuesError } from '../errors/bus-error.ts'
import { closest } from './closest.ts'
import { describe, show } from './describe.ts'
import type { ObjectSpec, OptionSpec } from './spec.ts'

/**
 * Checks the options of a public call. Legal ones cost no allocation, so publish can afford it per call.
 * @param subject what is being checked, e.g. `publish options`.
 * @throws BusError INVALID_OPTIONS listing every unknown, missing, mistyped and out-of-range option at once.
 */
export function checkOptions(subject: string, input: unknown, spec: OptionSpec): void {
  const issues = optionIssues(input, spec)
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', subject, issues)
}

/**
 * The findings alone, for callers that collect more before they throw.
 * @param path goes before each field: `retry` makes `retry.backoff.initial`. Default none.
 */
export function optionIssues(input: unknown, spec: OptionSpec, path = ''): readonly Issue[] {
  return find(input, spec, path, undefined) ?? NONE
}

const NONE: readonly Issue[] = []

/** The list is made by the first finding; until then it is undefined. */
type Findings = Issue[] | undefined

function find(value: unknown, spec: OptionSpec, path: string, found: Findings): Findings {
  switch (spec.kind) {
    case 'any':
      return found
    case 'boolean':
      return typeof value === 'boolean' ? found : mismatch(value, spec, path, found)
    case 'function':
      return typeof value === 'function' ? found : mismatch(value, spec, path, found)
    case 'string':
      return typeof value === 'string' && value.length >= (spec.min ?? 1)
        ? found
        : mismatch(value, spec, path, found)
    case 'number':
      return inRange(value, spec) ? found : mismatch(value, spec, path, found)
    case 'one-of':
      return spec.values.includes(value) ? found : mismatch(value, spec, path, found)
    case 'custom':
      return spec.accepts(value) ? found : mismatch(value, spec, path, found)
    case 'array':
      return findInArray(value, spec, path, found)
    case 'record':
      return findInRecord(value, spec, path, found)
    case 'object':
      return findInObject(value, spec, path, found)
    case 'variants':
      return findInVariant(value, spec, path, found)
    case 'any-of':
      return findInAlternatives(value, spec, path, found)
  }
}

function inRange(value: unknown, spec: OptionSpec & { readonly kind: 'number' }): boolean {
  if (typeof value !== 'number' || Number.isNaN(value)) return false
  if (!Number.isFinite(value)) return value > 0 && spec.infinite === true
  if (spec.integer === true && !Number.isInteger(value)) return false
  return (spec.min === undefined || value >= spec.min) && (spec.max === undefined || value <= spec.max)
}

function findInObject(value: unknown, spec: ObjectSpec, path: string, found: Findings): Findings {
  if (!isObject(value)) return mismatch(value, spec, path, found)
  let findings = found
  for (const name in value) {
    const option = value[name]
    const field = spec.fields[name]
    if (field === undefined) {
      findings = add(findings, unknownOption(name, Object.keys(spec.fields), path))
    } else if (option !== undefined) {
      findings = find(option, field, path === '' ? name : `${path}.${name}`, findings)
    }
  }
  for (const name of spec.requiredFields) {
    if (value[name] === undefined) findings = add(findings, missing(name, spec.fields[name], path))
  }
  return findings
}

function findInVariant(
  value: unknown,
  spec: OptionSpec & { readonly kind: 'variants' },
  path: string,
  found: Findings,
): Findings {
  if (!isObject(value)) return mismatch(value, spec, path, found)
  const tag = value[spec.tag]
  const variant = typeof tag === 'string' ? spec.variants[tag] : undefined
  if (variant !== undefined) return findInObject(value, variant, path, found)
  const names = Object.keys(spec.variants)
  if (tag === undefined) return add(found, missing(spec.tag, { kind: 'one-of', values: names }, path))
  return mismatch(tag, { kind: 'one-of', values: names }, join(path, spec.tag), found)
}

function findInAlternatives(
  value: unknown,
  spec: OptionSpec & { readonly kind: 'any-of' },
  path: string,
  found: Findings,
): Findings {
  let nearest: Findings
  for (const alternative of spec.specs) {
    const findings = find(value, alternative, path, undefined)
    if (findings === undefined) return found
    // An object that went wrong inside says more than "must be an object or false".
    if (findings.some(issue => issue.field !== label(path))) nearest ??= findings
  }
  if (nearest === undefined) return mismatch(value, spec, path, found)
  return nearest.reduce<Findings>(add, found)
}

function findInArray(
  value: unknown,
  spec: OptionSpec & { readonly kind: 'array' },
  path: string,
  found: Findings,
): Findings {
  if (!Array.isArray(value) || value.length < spec.min) return mismatch(value, spec, path, found)
  return value.reduce<Findings>(
    (findings, item, i) => find(item, spec.of, join(path, String(i)), findings),
    found,
  )
}

function findInRecord(
  value: unknown,
  spec: OptionSpec & { readonly kind: 'record' },
  path: string,
  found: Findings,
): Findings {
  if (!isObject(value)) return mismatch(value, spec, path, found)
  let findings = found
  for (const name in value) {
    if (value[name] !== undefined) findings = find(value[name], spec.of, join(path, name), findings)
  }
  return findings
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mismatch(value: unknown, spec: OptionSpec, path: string, found: Findings): Findings {
  const expected = describe(spec)
  return add(found, {
    field: label(path),
    problem: `${show(value)} is not ${expected}`,
    remedy: `pass ${expected}`,
  })
}

function missing(name: string, spec: OptionSpec | undefined, path: string): Issue {
  const expected = describe(spec ?? { kind: 'any' })
  return { field: join(path, name), problem: 'is missing', remedy: `pass ${expected}` }
}

function unknownOption(name: string, known: readonly string[], path: string): Issue {
  const meant = closest(name, known)
  return {
    field: join(path, name),
    problem: 'unknown option',
    remedy: meant === undefined ? `known here: ${known.join(', ') || 'none'}` : `did you mean '${meant}'?`,
  }
}

function add(found: Findings, issue: Issue): Issue[] {
  if (found === undefined) return [issue]
  found.push(issue)
  return found
}

const join = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)
const label = (path: string) => (path === '' ? 'options' : path)
