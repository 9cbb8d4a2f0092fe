import { type CloudEventV1, CloudEvent as SdkCloudEvent } from 'cloudevents'
import { type Issue, issuesError } from '../errors/bus-error.ts'
import { canonicalAttributes, encodeEvent } from './encode.ts'
import { base64Bytes } from './encode-data.ts'
import type { CloudEvent, CloudEventInput } from './event.ts'

/**
 * An instance of the `cloudevents` SDK's class. Data is the same object, not a copy. The SDK gives an event without
 * `time` the present one, and puts `data_base64` beside data of bytes; {@link fromSdk} undoes only the latter.
 *
 * @throws BusError `INVALID_EVENT` when the event is not valid.
 */
export function toSdk<T = unknown>(event: CloudEventInput<T>): SdkCloudEvent<T> {
  const { body } = encodeEvent(event)
  const attributes = canonicalAttributes(event, [])
  const inBase64 = event.data_base64 !== undefined && event.data_base64 !== null
  const data = inBase64 ? (body as T) : event.data
  // Validated above; the SDK's own check refuses some valid events.
  return new SdkCloudEvent<T>({ ...attributes, ...(data === undefined ? {} : { data }) }, false)
}

/**
 * A plain event of an SDK event: attributes as canonical strings, those the SDK holds as `undefined` left out, data
 * that came in base64 as bytes (the SDK's own decoding of it is wrong: sdk-javascript#643).
 *
 * @throws BusError `INVALID_EVENT` when the event is not valid, which the SDK does not guarantee.
 */
export function fromSdk<T = unknown>(event: CloudEventV1<T>): CloudEvent<T> {
  const issues: Issue[] = []
  const plain = canonicalAttributes(event, issues) as CloudEvent<T>
  const { data, data_base64: base64 } = event
  if (base64 !== undefined && base64 !== null) {
    const bytes = base64Bytes(base64)
    if (bytes === undefined) {
      const remedy = 'pass standard base64 text, or bytes in data'
      issues.push({ field: 'data_base64', problem: 'is not base64', remedy })
    } else plain.data = new Uint8Array(bytes) as T
  } else if (data !== undefined) plain.data = data
  if (issues.length > 0) throw issuesError('INVALID_EVENT', 'invalid event', issues)
  return plain
}
