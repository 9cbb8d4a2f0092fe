import { type Envelope, type ForeignHeader, META } from '../adapter/envelope.ts'
import { BusError, type Issue, issuesError } from '../errors/bus-error.ts'
import { canonicalValue, describe } from './attribute-value.ts'
import { attributeIssue, missingIssue, nameIssue, SPEC_VERSION } from './attributes.ts'
import { type DataKind, defaultKind } from './content-type.ts'
import { decodeBase64Data, encodeData } from './encode-data.ts'
import type { CloudEventInput } from './event.ts'
import { checkHeaders } from './foreign-headers.ts'

const NO_META: Envelope['meta'] = Object.freeze({})
const NO_HEADERS: readonly ForeignHeader[] = Object.freeze([])

/** What a reader is told where the content type alone would mislead it. */
const META_OF_KIND: Readonly<Record<DataKind, Envelope['meta']>> = {
  json: Object.freeze({ [META.data]: 'json' }),
  text: Object.freeze({ [META.data]: 'text' }),
  binary: Object.freeze({ [META.data]: 'binary' }),
}

/**
 * Validates an event and turns it into what adapters carry. Takes plain events and instances of the `cloudevents`
 * SDK's class. Attributes go out as they are, in canonical strings; none is added but a missing `specversion`.
 *
 * Data: bytes travel as they are and are not copied (leave them alone until the publish has settled); a string
 * under a content type that is not JSON travels as UTF-8; anything else as JSON text. Whatever the content type, a
 * reader gets back the kind that was passed. `data: null` is an explicit null, no `data` is none at all.
 *
 * @param headers the user's own headers, kept in order.
 * @throws BusError `INVALID_EVENT` with all findings: an attribute that breaks its rule, data that JSON would change
 * silently (NaN, a Map), cannot write (a bigint, a cycle), or that does not fit the content type.
 * @throws BusError `RESERVED_HEADER` for a header whose name belongs to Busbar or to a CloudEvents binding.
 */
export function encodeEvent(event: CloudEventInput, headers?: readonly ForeignHeader[]): Envelope {
  const issues: Issue[] = []
  const attributes = canonicalAttributes(event, issues)
  const contentType = attributes.datacontenttype
  const expected = defaultKind(contentType)

  let body: Uint8Array | null = null
  let kind = expected
  const { data, data_base64: base64 } = event
  if (data !== undefined || (base64 !== undefined && base64 !== null)) {
    const encoded =
      base64 === undefined || base64 === null
        ? encodeData(data, contentType, expected, issues)
        : decodeBase64Data(base64, data, issues)
    if (encoded !== undefined) {
      body = encoded.body
      kind = encoded.kind
    }
  }
  if (issues.length > 0) throw issuesError('INVALID_EVENT', 'invalid event', issues)
  return {
    attributes,
    body,
    meta: kind === expected ? NO_META : META_OF_KIND[kind],
    headers: headers === undefined || headers.length === 0 ? NO_HEADERS : checkHeaders(headers),
  }
}

/**
 * The attributes of `event` as canonical strings, in the specification's order, extensions after them. `null` and
 * `undefined` mean unset. Findings go to `issues`.
 *
 * @throws BusError `INVALID_EVENT` when `event` is not an object.
 */
export function canonicalAttributes(event: CloudEventInput, issues: Issue[]): Record<string, string> {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new BusError('INVALID_EVENT', `invalid event: ${describe(event)} is not an event`, {
      field: 'event',
      remedy: 'pass an object with id, source and type',
    })
  }
  const { specversion, subject, time, datacontenttype, dataschema } = event
  const attributes: Record<string, string> = {
    specversion:
      specversion === undefined || specversion === null
        ? SPEC_VERSION
        : text('specversion', specversion, issues),
    id: required('id', event.id, issues),
    source: required('source', event.source, issues),
    type: required('type', event.type, issues),
  }
  // One by one rather than in a loop: constant names keep the objects' shapes few, which is what makes this fast.
  if (subject !== undefined && subject !== null) attributes.subject = text('subject', subject, issues)
  if (time !== undefined && time !== null) attributes.time = text('time', time, issues)
  if (datacontenttype !== undefined && datacontenttype !== null) {
    attributes.datacontenttype = text('datacontenttype', datacontenttype, issues)
  }
  if (dataschema !== undefined && dataschema !== null)
    attributes.dataschema = text('dataschema', dataschema, issues)
  for (const name of Object.keys(event)) {
    switch (name) {
      case 'specversion':
      case 'id':
      case 'source':
      case 'type':
      case 'subject':
      case 'time':
      case 'datacontenttype':
      case 'dataschema':
      case 'data':
      case 'data_base64':
        continue
      default:
        extension(attributes, name, event[name], issues)
    }
  }
  return attributes
}

function required(name: string, value: unknown, issues: Issue[]): string {
  if (value !== undefined && value !== null) return text(name, value, issues)
  issues.push(missingIssue(name))
  return ''
}

/** A context attribute. Each is a string; `time` may also be a Date, and the URIs a URL. */
function text(name: string, value: unknown, issues: Issue[]): string {
  let canonical: string | Issue
  if (typeof value === 'string') canonical = value
  else if (name === 'time' && value instanceof Date) canonical = canonicalValue(name, value)
  else if ((name === 'source' || name === 'dataschema') && value instanceof URL) canonical = value.href
  else canonical = { field: name, problem: `${describe(value)} is not a string`, remedy: 'pass a string' }

  const issue = typeof canonical === 'string' ? attributeIssue(name, canonical) : canonical
  if (issue !== undefined) issues.push(issue)
  return typeof canonical === 'string' ? canonical : ''
}

function extension(attributes: Record<string, string>, name: string, value: unknown, issues: Issue[]): void {
  if (value === undefined || value === null) return
  const canonical = canonicalValue(name, value)
  if (typeof canonical !== 'string') {
    issues.push(nameIssue(name) ?? canonical)
    return
  }
  const issue = attributeIssue(name, canonical)
  if (issue === undefined) attributes[name] = canonical
  else issues.push(issue)
}
