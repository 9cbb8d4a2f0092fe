import type { Buffer } from 'node:buffer'

/**
 * Finds where JSON values begin and end in UTF-8 bytes without building them, so that `data` can be cut out as it
 * was written: numbers beyond 2^53, escapes and spacing included. Works on bytes because all of JSON's syntax is
 * ASCII, which no byte of a longer UTF-8 sequence can be mistaken for. Strict about the level it walks; what lies
 * inside a nested value is only balanced here, and parsed by whoever needs it.
 */

/** Thrown by the scanner; its callers say which message it was. */
export class JsonScanError extends Error {}

/** Strings up to this length are searched by hand: for them a native search costs more to call than it saves. */
const SHORT = 48

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d

/** Numbers and the three words, in full: whatever else stands where a value should is refused at once. */
const SCALAR = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/

/** The position of the next byte that is not white space. */
export function skipSpace(bytes: Buffer, from: number): number {
  let at = from
  for (let code = bytes[at]; code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; )
    code = bytes[++at]
  return at
}

/** The position after the last byte before `end` that is not white space. */
export function trimSpace(bytes: Buffer, end: number): number {
  let at = end
  for (let code = bytes[at - 1]; code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; )
    code = bytes[--at - 1]
  return at
}

/** The position after the value that starts at `from`. */
export function valueEnd(bytes: Buffer, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return stringEnd(bytes, from)
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return containerEnd(bytes, from)
  let end = from
  while (isScalarByte(bytes[end])) end++
  if (!SCALAR.test(bytes.toString('latin1', from, end))) throw unexpected(bytes, from)
  return end
}

/** Digits, letters, `+`, `-` and `.`: no scalar has any other byte. */
function isScalarByte(code: number | undefined): boolean {
  if (code === undefined) return false
  return (
    (code >= 0x30 && code <= 0x39) ||
    ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x2e
  )
}

/** The position after the string whose opening quote is at `from`. */
function stringEnd(bytes: Buffer, from: number): number {
  let at = from + 1
  for (const near = Math.min(bytes.length, from + SHORT); at < near; at++) {
    const code = bytes[at]
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at++
  }
  for (let quote = bytes.indexOf(QUOTE, at); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let escapes = quote
    while (bytes[escapes - 1] === BACKSLASH) escapes--
    if ((quote - escapes) % 2 === 0) return quote + 1
  }
  throw new JsonScanError(`a string that starts at byte ${from} does not end`)
}

function containerEnd(bytes: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    switch (bytes[at]) {
      case QUOTE:
        at = stringEnd(bytes, at) - 1
        break
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth++
        break
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        if (--depth === 0) return at + 1
    }
  }
  throw new JsonScanError(`a value that starts at byte ${from} does not end`)
}

/** Calls `member` with the bounds of each member's key (quotes included) and the start of its value; it returns the value's end. */
export function scanObject(
  bytes: Buffer,
  from: number,
  member: (keyStart: number, keyEnd: number, start: number) => number,
): number {
  if (bytes[from] !== OPEN_OBJECT) throw unexpected(bytes, from)
  let at = skipSpace(bytes, from + 1)
  if (bytes[at] === CLOSE_OBJECT) return at + 1
  for (;;) {
    if (bytes[at] !== QUOTE) throw unexpected(bytes, at)
    const keyStart = at
    const keyEnd = stringEnd(bytes, at)
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== COLON) throw unexpected(bytes, at)
    at = skipSpace(bytes, member(keyStart, keyEnd, skipSpace(bytes, at + 1)))
    if (bytes[at] === CLOSE_OBJECT) return at + 1
    if (bytes[at] !== COMMA) throw unexpected(bytes, at)
    at = skipSpace(bytes, at + 1)
  }
}

/** Calls `element` with the start of each element of the array at `from`; it returns the element's end. */
export function scanArray(bytes: Buffer, from: number, element: (start: number) => number): number {
  if (bytes[from] !== OPEN_ARRAY) throw unexpected(bytes, from)
  let at = skipSpace(bytes, from + 1)
  if (bytes[at] === CLOSE_ARRAY) return at + 1
  for (;;) {
    at = skipSpace(bytes, element(at))
    if (bytes[at] === CLOSE_ARRAY) return at + 1
    if (bytes[at] !== COMMA) throw unexpected(bytes, at)
    at = skipSpace(bytes, at + 1)
  }
}

/** Refuses anything but white space after `from`. */
export function expectEnd(bytes: Buffer, from: number): void {
  const at = skipSpace(bytes, from)
  if (at < bytes.length) throw unexpected(bytes, at)
}

function unexpected(bytes: Buffer, at: number): JsonScanError {
  const found = at < bytes.length ? JSON.stringify(bytes.toString('latin1', at, at + 1)) : 'the end'
  return new JsonScanError(`unexpected ${found} at byte ${at}`)
}
