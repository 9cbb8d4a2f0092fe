import type { Issue } from '../errors/bus-error.ts'
import { contentTypeFacts } from './content-type.ts'
import { isTimestamp } from './timestamp.ts'
import { forbiddenCodePoint } from './unicode.ts'
import { isUri, isUriReference } from './uri.ts'

/** The only version of the specification that Busbar speaks; 1.0.x revisions all say `1.0`. */
export const SPEC_VERSION = '1.0'

export const REQUIRED_ATTRIBUTES = ['specversion', 'id', 'source', 'type'] as const

const NAME = /^[a-z0-9]+$/

/** What is wrong with an attribute's name; undefined when nothing is. Names over 20 characters are legal. */
export function nameIssue(name: string): Issue | undefined {
  if (name === 'data') {
    return { field: 'data', problem: 'is not allowed as an attribute name', remedy: 'rename the attribute' }
  }
  if (NAME.test(name)) return undefined
  return {
    field: name === '' ? '""' : quoted(name).slice(1, -1),
    problem: 'is not an attribute name',
    remedy: 'use lower-case letters a to z and digits only',
  }
}

/** What is wrong with an attribute, given its canonical string; undefined when nothing is. */
export function attributeIssue(name: string, value: string): Issue | undefined {
  switch (name) {
    case 'id':
    case 'type':
    case 'subject':
      return value === '' ? emptyIssue(name) : textIssue(name, value)
    case 'source':
      if (value === '') return emptyIssue(name)
      if (isUriReference(value)) return undefined
      return wrong(
        name,
        value,
        'a URI-reference',
        'percent-encode what RFC 3986 does not allow, or use a path such as /orders',
      )
    case 'specversion':
      if (value === SPEC_VERSION) return undefined
      return wrong(
        name,
        value,
        `"${SPEC_VERSION}"`,
        `leave it out, or convert the event to CloudEvents ${SPEC_VERSION}`,
      )
    case 'time':
    case 'expirytime':
    case 'recordedtime':
      if (isTimestamp(value)) return undefined
      return wrong(name, value, 'an RFC 3339 timestamp', 'write it like 2026-01-31T12:00:00Z')
    case 'datacontenttype':
      if (value === '') return emptyIssue(name)
      if (contentTypeFacts(value).valid) return undefined
      return wrong(name, value, 'a media type', 'write it like application/json')
    case 'dataschema':
      if (value === '') return emptyIssue(name)
      if (isUri(value)) return undefined
      return wrong(name, value, 'an absolute URI', 'write it like https://example.com/schemas/order')
    default:
      return nameIssue(name) ?? textIssue(name, value)
  }
}

export function missingIssue(name: string): Issue {
  return { field: name, problem: 'is missing', remedy: `every event needs ${REQUIRED_ATTRIBUTES.join(', ')}` }
}

/** A value as it may appear in an error message: quoted, escaped, and cut to a readable length. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
}

function emptyIssue(name: string): Issue {
  const required = (REQUIRED_ATTRIBUTES as readonly string[]).includes(name)
  return {
    field: name,
    problem: 'is empty',
    remedy: required ? 'give it a value' : 'give it a value or leave it out',
  }
}

function textIssue(name: string, value: string): Issue | undefined {
  const found = forbiddenCodePoint(value)
  if (found === undefined) return undefined
  return {
    field: name,
    problem: `contains ${found}, which an attribute may not`,
    remedy: 'remove control characters, lone surrogates and noncharacters, or put the text into data',
  }
}

function wrong(name: string, value: string, expected: string, remedy: string): Issue {
  return { field: name, problem: `${quoted(value)} is not ${expected}`, remedy }
}

/** Sets an attribute that a sender named. `__proto__` becomes a property like any other, which validation then refuses. */
export function setAttribute(attributes: Record<string, string>, name: string, value: string): void {
  if (name !== '__proto__') attributes[name] = value
  else
    Object.defineProperty(attributes, name, { value, enumerable: true, configurable: true, writable: true })
}
