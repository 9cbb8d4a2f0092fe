import type { Envelope, Outgoing } from '@busbar/core/adapter'
import { decodeStructured, encodeStructured } from '@busbar/core/cloudevents'

/** What a message in the bus's content mode would carry. Binary, the default, is how envelopes are anyway. */
export const inContentMode = (
  mode: 'binary' | 'structured' | undefined,
): ((message: Outgoing) => Outgoing) => (mode === 'structured' ? structured : message => message)

/** Through the JSON format and back, so that this broker keeps of an event what a structured message keeps. */
function structured(message: Outgoing): Outgoing {
  const { envelope, to, dedupeId } = message
  const { attributes, body, meta } = decodeStructured(encodeStructured(envelope))
  const carried: Envelope = {
    attributes,
    body,
    meta: { ...envelope.meta, ...meta },
    headers: envelope.headers,
  }
  const { key, notBefore, expiresAt, mustRoute, replyTo, requestId } = message
  const optional = { dedupeId, key, notBefore, expiresAt, mustRoute, replyTo, requestId }
  return {
    to,
    envelope: carried,
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<Outgoing>),
  }
}
