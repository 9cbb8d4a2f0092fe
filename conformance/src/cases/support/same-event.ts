import assert from 'node:assert/strict'
import type { CloudEvent, CloudEventInput } from '@busbar/core'

/** Bytes compare by content: whether a handler gets a Buffer or a plain Uint8Array is the adapter's business. */
export const plainBytes = (value: unknown): unknown =>
  value instanceof Uint8Array ? Uint8Array.from(value) : value

/** Asserts that an event came out as it went in; absent data is not `data: undefined`, nor null. */
export function assertSameEvent(actual: CloudEvent | null | undefined, expected: CloudEventInput): void {
  assert.ok(actual, 'there is no event')
  assert.deepEqual(comparable(actual), comparable({ specversion: '1.0', ...expected }))
}

function comparable(event: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [name, plainBytes(value)]))
}

/** An event's attributes by any name; none when there is no event. */
export const attributesOf = (event: CloudEvent | null | undefined): Record<string, unknown> => ({ ...event })
