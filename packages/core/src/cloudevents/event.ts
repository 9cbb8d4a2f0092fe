/**
 * A CloudEvents 1.0 event as a plain object. A type alias rather than an interface, so that it is
 * assignable to and from the `cloudevents` SDK's `CloudEventV1`.
 *
 * `data` is a JSON value, a string (for textual content types) or bytes. Absent `data` and `data: null`
 * are two different events.
 */
export type CloudEvent<T = unknown> = {
  specversion: string
  id: string
  source: string
  type: string
  subject?: string
  /** RFC 3339. Kept as the string it came as, nanoseconds included. */
  time?: string
  datacontenttype?: string
  dataschema?: string
  data?: T
  /** The SDK's spelling of binary data in JSON. Accepted on the way in; events handed out carry `data` bytes. */
  data_base64?: string
  /** Extension attributes. On the way in boolean, int32, string, bytes, Date or URL; on the way out a canonical string. */
  [extension: string]: unknown
}

/** What {@link CloudEvent} needs from its author. A `specversion` left out is `1.0`; nothing else is filled in. */
export type CloudEventInput<T = unknown> = {
  specversion?: string
  id: string
  source: string
  type: string
  subject?: string
  time?: string
  datacontenttype?: string
  dataschema?: string
  data?: T
  data_base64?: string
  [extension: string]: unknown
}
