import { Buffer } from 'node:buffer'
import type { Envelope } from '../adapter/envelope.ts'
import { readDocument } from './json-document.ts'
import { scanArray } from './json-scanner.ts'
import { encodeStructured } from './structured.ts'
import { parseEvent } from './structured-event.ts'
import { assertValidEnvelope } from './validate.ts'

const OPEN = Buffer.from('[')
const COMMA = Buffer.from(',')
const CLOSE = Buffer.from(']')

/** Events as one JSON array (`application/cloudevents-batch+json`). An empty batch is legal. */
export function encodeJsonBatch(envelopes: readonly Envelope[]): Uint8Array {
  const parts: Uint8Array[] = [OPEN]
  for (const [i, envelope] of envelopes.entries()) {
    if (i > 0) parts.push(COMMA)
    parts.push(encodeStructured(envelope))
  }
  parts.push(CLOSE)
  return Buffer.concat(parts)
}

/**
 * Reads a JSON array of events, each as `decodeStructured` reads one.
 * @throws BusError `DECODE_FAILED` when any of it is not an event in JSON.
 */
export function decodeJsonBatch(bytes: Uint8Array): Envelope[] {
  const envelopes = readDocument(bytes, (document, from) => {
    const value: Envelope[] = []
    const end = scanArray(document.bytes, from, start => {
      const event = parseEvent(document, start)
      value.push(event.value)
      return event.end
    })
    return { value, end }
  })
  for (const envelope of envelopes) assertValidEnvelope(envelope)
  return envelopes
}
