import type { Envelope } from '../adapter/envelope.ts'
import { type Issue, issuesError } from '../errors/bus-error.ts'
import { attributeIssue, missingIssue, REQUIRED_ATTRIBUTES } from './attributes.ts'

const NONE: readonly Issue[] = []

/**
 * Checks attributes as they were read from a wire: required ones, names, and the rule of each value.
 * @returns every finding; empty when the attributes are those of a valid event. Never throws.
 */
export function validateAttributes(attributes: Readonly<Record<string, string>>): readonly Issue[] {
  let issues: Issue[] | undefined
  for (const name of REQUIRED_ATTRIBUTES) {
    if (attributes[name] !== undefined) continue
    issues ??= []
    issues.push(missingIssue(name))
  }
  for (const name of Object.keys(attributes)) {
    const value = attributes[name]
    const issue = value === undefined ? undefined : attributeIssue(name, value)
    if (issue === undefined) continue
    issues ??= []
    issues.push(issue)
  }
  return issues ?? NONE
}

/**
 * @throws BusError `DECODE_FAILED` with all findings, when the attributes of an envelope that was read from a wire
 * are not those of a CloudEvent.
 */
export function assertValidEnvelope(envelope: Envelope): void {
  const issues = validateAttributes(envelope.attributes)
  if (issues.length > 0) throw issuesError('DECODE_FAILED', 'not a valid CloudEvent', issues)
}
