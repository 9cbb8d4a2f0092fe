import type { Issue } from '../errors/bus-error.ts'
import { describe } from './attribute-value.ts'

/**
 * What `JSON.stringify` turned into something else without a word: NaN, infinities, functions and symbols in
 * arrays (all `null`), and objects with nothing JSON can see, such as a Map, a Set or an Error (`{}`).
 * Absent and `undefined` members are left to JSON's own rules, and so is whatever has a `toJSON`.
 *
 * Call it only when `json` came of `data` without an error: then `data` has no cycle.
 */
export function jsonLoss(data: unknown, json: string): Issue | undefined {
  // Every such loss leaves one of these two in the text; most events have neither, and need no walk.
  if (!json.includes('null') && !json.includes('{}')) return undefined
  const pending: [path: string, value: unknown][] = [['data', data]]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, value] = next
    const issue = leafIssue(path, value)
    if (issue !== undefined) return issue
    if (typeof value !== 'object' || value === null || hasToJson(value)) continue
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) pending.push([`${path}[${i}]`, value[i]])
    } else {
      for (const key of Object.keys(value)) {
        const member = (value as Record<string, unknown>)[key]
        if (typeof member !== 'function' && typeof member !== 'symbol')
          pending.push([`${path}.${key}`, member])
      }
    }
  }
  return undefined
}

function hasToJson(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

function leafIssue(field: string, value: unknown): Issue | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return {
      field,
      problem: `${value} cannot be carried by JSON`,
      remedy: 'send null, a string or a finite number',
    }
  }
  const invisible = typeof value === 'function' || typeof value === 'symbol' || isOpaque(value)
  if (!invisible) return undefined
  return {
    field,
    problem: `${describe(value)} cannot be carried by JSON`,
    remedy: 'convert it to plain objects, arrays, strings and numbers first',
  }
}

/** An instance of a class that keeps all it has where JSON does not look. */
function isOpaque(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || hasToJson(value)) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype || Object.keys(value).length > 0) return false
  // A wrapper such as `new String('x')` is written as its primitive; a class of the caller's own may just be empty.
  if (value instanceof String || value instanceof Number || value instanceof Boolean) return false
  return Object.prototype.toString.call(value) !== '[object Object]' || value instanceof Error
}
