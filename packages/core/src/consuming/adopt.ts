import type { Envelope, RawMessage } from '../adapter/envelope.ts'
import { encodeEvent } from '../cloudevents/encode.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'

/**
 * An event made of a message that is not one, by its topic's own hook. Its headers are kept.
 * @throws whatever the hook throws, or BusError INVALID_EVENT for what it makes.
 */
export const adopt = (raw: RawMessage, decode: (raw: RawMessage) => CloudEventInput): Envelope => ({
  ...encodeEvent(decode(raw)),
  headers: raw.headers,
})
