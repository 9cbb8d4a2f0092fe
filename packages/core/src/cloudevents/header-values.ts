import type { ForeignHeader } from '../adapter/envelope.ts'
import { BusError } from '../errors/bus-error.ts'
import type { HeaderBindingOptions } from './header-names.ts'
import { asBuffer, utf8Text } from './utf8.ts'

/**
 * An attribute's or metadata's text from a header value of whatever type the protocol has (AMQP has most of
 * them); undefined when it has none. Bytes are text first: RabbitMQ makes binary of long strings that cross from
 * 0-9-1 to 1.0.
 */
export function headerText(
  value: unknown,
  bytes: HeaderBindingOptions['attributeBytes'],
): string | undefined {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) {
    return utf8Text(value) ?? (bytes === 'utf8-or-base64' ? asBuffer(value).toString('base64') : undefined)
  }
  return scalarText(value)
}

/** A foreign header's value as it is kept: strings and bytes as they are, other types as text. */
export function foreignValue(
  value: unknown,
  bytes: HeaderBindingOptions['foreignBytes'],
): string | Uint8Array {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) {
    // Lossless: written again, UTF-8 text makes the same bytes.
    return bytes === 'text-if-utf8' ? (utf8Text(value) ?? value) : value
  }
  return scalarText(value) ?? structureText(value)
}

/**
 * A foreign header as it goes out.
 * @throws BusError `INVALID_EVENT` for bytes where headers are text.
 */
export function foreignText(
  header: ForeignHeader,
  bytes: HeaderBindingOptions['foreignBytes'],
): ForeignHeader {
  if (bytes !== 'refuse' || typeof header[1] === 'string') return header
  throw new BusError(
    'INVALID_EVENT',
    `invalid event: headers.${header[0]}: headers are text on this broker`,
    {
      field: `headers.${header[0]}`,
      remedy: 'pass a string, for example the bytes in base64',
    },
  )
}

function scalarText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
    case 'number':
    case 'bigint':
      return String(value)
  }
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : undefined
}

/** Tables and arrays that a broker or another client put there: readable, if not what they were. */
function structureText(value: unknown): string {
  if (value === null || value === undefined) return ''
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return String(value)
  }
}
