import { BusError, type ForeignHeader } from '@busbar/core/adapter'

export type HeaderTable = Record<string, unknown>

/**
 * AMQP's headers are a table: no order that a broker would have to keep, no name twice. Where that matters, repeated values become
 * one array, and this header lists the names in their order.
 */
export const ORDER = 'x-busbar-order'
/** The broker's count of a message that was given back as a copy; the copy's own begins at 0. */
export const REDELIVERIES = 'x-busbar-redeliveries'

/** The broker's own, about the message and not of it. A copied `x-death` makes the broker see a cycle, and drop the message. */
const BROKERS = /^x-(?:death|(?:first|last)-death-(?:exchange|queue|reason)|delivery-count|acquired-count)$/
/** To the broker these are further routing keys. */
const ROUTING = /^B?CC$/

/** @throws BusError RESERVED_HEADER or INVALID_EVENT for a name that cannot be carried. */
export function addForeign(table: HeaderTable, headers: readonly ForeignHeader[]): void {
  let previous: string | undefined
  let ordered = true
  for (const [name, value] of headers) {
    assertCarried(name)
    // A table that the broker sorts, or whose whole-number names JavaScript puts first, keeps this order by itself.
    ordered &&=
      (previous === undefined || previous < name) && /^[\x21-\x7e]*$/.test(name) && !/^\d+$/.test(name)
    previous = name
    const stored = typeof value === 'string' ? value : Buffer.from(value)
    const before = table[name]
    if (before === undefined) table[name] = stored
    else if (Array.isArray(before)) before.push(stored)
    else table[name] = [before, stored]
  }
  if (!ordered) table[ORDER] = headers.map(([name]) => name)
}

function assertCarried(name: string): void {
  if (BROKERS.test(name) || ROUTING.test(name) || name === ORDER || name === REDELIVERIES) {
    throw new BusError(
      'RESERVED_HEADER',
      `header ${JSON.stringify(name)} is RabbitMQ's or this adapter's own`,
      {
        field: `headers.${name}`,
        remedy: 'rename it',
      },
    )
  }
  if (Buffer.byteLength(name) > 255) {
    throw new BusError(
      'INVALID_EVENT',
      `a header name of ${Buffer.byteLength(name)} bytes: RabbitMQ takes 255`,
      {
        field: 'headers',
        remedy: 'use a shorter name',
      },
    )
  }
}

/** The headers of a message, without those that are about its transport, repeated and in order as they were written. */
export function headersOf(table: HeaderTable | undefined): (readonly [name: string, value: unknown])[] {
  if (table === undefined) return []
  const order = table[ORDER]
  const taken = new Map<string, number>()
  const result: (readonly [string, unknown])[] = []
  if (Array.isArray(order)) {
    for (const name of order) {
      if (typeof name !== 'string' || !Object.hasOwn(table, name)) continue
      const value = table[name]
      const at = taken.get(name) ?? 0
      taken.set(name, at + 1)
      result.push([name, Array.isArray(value) ? value[at] : value])
    }
  }
  for (const name of Object.keys(table)) {
    if (taken.has(name) || name === ORDER || name === REDELIVERIES || BROKERS.test(name)) continue
    result.push([name, table[name]])
  }
  return result
}

/** A header as it is kept of a message that is no event: text and bytes as they are, other types as text. */
export function foreign(value: unknown): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
