import { Buffer } from 'node:buffer'
import type { Issue } from '../errors/bus-error.ts'
import { asBuffer } from './utf8.ts'

const INT32_MAX = 2 ** 31 - 1

export const isInt32 = (value: number): boolean =>
  Number.isInteger(value) && value >= -INT32_MAX - 1 && value <= INT32_MAX

/**
 * The canonical string of a typed attribute value (the specification's type system): booleans as `true` and
 * `false`, integers in decimal, bytes in base64, dates in RFC 3339, URLs as they are. An issue when the value
 * has no type that an attribute may have.
 */
export function canonicalValue(name: string, value: unknown): string | Issue {
  switch (typeof value) {
    case 'string':
      return value
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      if (isInt32(value)) return String(value)
      return { field: name, problem: `${value} is not a 32-bit integer`, remedy: 'pass it as a string' }
    case 'object':
      if (value instanceof Date) return dateValue(name, value)
      if (value instanceof URL) return value.href
      if (value instanceof Uint8Array) return asBuffer(value).toString('base64')
      if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  }
  return {
    field: name,
    problem: `${describe(value)} is not a value an attribute can have`,
    remedy: 'pass a string, boolean, 32-bit integer, bytes, Date or URL, or move it into data',
  }
}

function dateValue(name: string, value: Date): string | Issue {
  const year = value.getUTCFullYear()
  if (year >= 0 && year <= 9999) return value.toISOString()
  const problem = Number.isNaN(year)
    ? 'is an invalid Date'
    : `is a Date in the year ${year}, which RFC 3339 cannot write`
  return { field: name, problem, remedy: 'pass a valid date, or an RFC 3339 string' }
}

/** What a value is, in words, for messages. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `an instance of ${name}` : 'an object'
}
