import { type ForeignHeader, META_PREFIX } from '../adapter/envelope.ts'
import { BusError, type Issue, issuesError } from '../errors/bus-error.ts'
import { describe } from './attribute-value.ts'
import { quoted } from './attributes.ts'
import { isWellFormed } from './unicode.ts'

/**
 * Names that a user's header may not have on any broker, so that what is accepted does not depend on the broker:
 * Busbar's own, and those a CloudEvents binding would take for an attribute or for the content mode.
 */
const RESERVED = new RegExp(`^(?:${META_PREFIX}|ce-|ce_|cloudevents_|cloudevents:|content-type$)`, 'i')

/** Header protocols are made of lines; nats.js, for one, refuses CR and LF. A tab is harmless. */
const CONTROL = /[^\t\P{Cc}]/u

/**
 * Checks the user's headers and returns them.
 * @throws BusError `RESERVED_HEADER` for a reserved name, `INVALID_EVENT` for a name or value no header can have.
 */
export function checkHeaders(headers: readonly ForeignHeader[]): readonly ForeignHeader[] {
  const issues: Issue[] = []
  for (const [name, value] of headers) {
    if (typeof name === 'string' && RESERVED.test(name)) {
      throw new BusError('RESERVED_HEADER', `header ${quoted(name)} is reserved`, {
        field: `headers.${name}`,
        remedy: `rename it; names that start with ${META_PREFIX}, ce-, ce_ or cloudEvents, and content-type, are taken`,
      })
    }
    if (typeof name !== 'string' || name === '' || CONTROL.test(name) || !isWellFormed(name)) {
      const shown = typeof name === 'string' ? quoted(name) : describe(name)
      issues.push({
        field: 'headers',
        problem: `${shown} is not a header name`,
        remedy: 'use printable characters',
      })
    } else if (
      typeof value === 'string' ? CONTROL.test(value) || !isWellFormed(value) : !(value instanceof Uint8Array)
    ) {
      issues.push({
        field: `headers.${name}`,
        problem:
          typeof value === 'string'
            ? 'contains control characters'
            : `${describe(value)} is not a header value`,
        remedy: 'pass a string of one line, or bytes',
      })
    }
  }
  if (issues.length > 0) throw issuesError('INVALID_EVENT', 'invalid event', issues)
  return headers
}
