import type { ErrorCode } from './codes.ts'

const BRAND = Symbol.for('@busbar/error')

/** One thing that is wrong, where an error reports several at once. */
export interface Issue {
  /** Path to the offending field, e.g. `retry.backoff.initial` or `data.total`. */
  readonly field: string
  /** What is wrong with it. */
  readonly problem: string
  /** What to do about it. */
  readonly remedy?: string
}

export interface BusErrorOptions {
  /** The field that is wrong, if one is. */
  readonly field?: string
  /** What the reader can do about it, as a sentence. */
  readonly remedy?: string
  /** Whether the same call may succeed later without a change. Default false. */
  readonly retryable?: boolean
  /** All findings, where there are several. */
  readonly issues?: readonly Issue[]
  readonly cause?: unknown
}

/**
 * The base of every error Busbar raises. `code` is stable and documented in `docs/error-codes.md`; the
 * message says what happened and, after a dash, what to do. Compare codes, never messages, and use
 * {@link isBusError} rather than `instanceof`: two copies of this package may be loaded in one process.
 */
export class BusError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly field: string | undefined
  readonly remedy: string | undefined
  readonly issues: readonly Issue[]
  readonly [BRAND] = true

  constructor(code: ErrorCode, problem: string, options: BusErrorOptions = {}) {
    const remedy = options.remedy
    super(
      remedy === undefined ? problem : `${problem} - ${remedy}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.name = 'BusError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.field = options.field
    this.remedy = remedy
    this.issues = options.issues ?? []
  }
}

/** Whether `error` is a {@link BusError}, of the given code if one is named. */
export function isBusError(error: unknown, code?: ErrorCode): error is BusError {
  return (
    typeof error === 'object' &&
    error !== null &&
    (error as { [BRAND]?: unknown })[BRAND] === true &&
    (code === undefined || (error as BusError).code === code)
  )
}

/** One error for one or many findings: one message per line, all of them at once. */
export function issuesError(code: ErrorCode, subject: string, issues: readonly Issue[]): BusError {
  const line = (i: Issue) => `${i.field}: ${i.problem}${i.remedy ? ` - ${i.remedy}` : ''}`
  const [first] = issues
  if (issues.length === 1 && first !== undefined) {
    return new BusError(code, `${subject}: ${first.field}: ${first.problem}`, {
      field: first.field,
      issues,
      ...(first.remedy === undefined ? {} : { remedy: first.remedy }),
    })
  }
  return new BusError(code, `${subject}: ${issues.length} problems\n  ${issues.map(line).join('\n  ')}`, {
    issues,
    ...(first === undefined ? {} : { field: first.field }),
  })
}
