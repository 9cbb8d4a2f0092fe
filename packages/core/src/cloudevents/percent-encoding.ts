import { toWellFormed } from './unicode.ts'

/** Runs of what a header value may not carry as it is: U+0020, `"`, `%`, and all outside U+0021 to U+007E. */
const ENCODED = /[^\x21\x23\x24\x26-\x7e]+/g
const NEEDS_ENCODING = /[^\x21\x23\x24\x26-\x7e]/

/** Percent-encodes a header value by the HTTP and NATS bindings' rules: code points as UTF-8, hex in upper case. */
export function percentEncode(value: string): string {
  if (!NEEDS_ENCODING.test(value)) return value
  // encodeURIComponent throws on lone surrogates; only metadata (error messages) can have them.
  return toWellFormed(value).replace(ENCODED, encodeURIComponent)
}

/**
 * Undoes {@link percentEncode}: double-quoted strings and backslash escapes first, then exactly one round of
 * percent-decoding. Needless escapes and lower-case hex are accepted.
 * @returns undefined for an open quote, a `%` without two hex digits, or escapes that are not UTF-8.
 */
export function percentDecode(value: string): string | undefined {
  const unquoted = value.includes('"') ? unquote(value) : value
  if (unquoted?.includes('%') !== true) return unquoted
  try {
    return decodeURIComponent(unquoted)
  } catch {
    return undefined
  }
}

/** For senders that never encode (the Go, Java and JavaScript SDKs): what cannot be decoded is taken as it stands. */
export function percentDecodeLenient(value: string): string {
  return percentDecode(value) ?? value
}

/** Quoted strings of RFC 7230 section 3.2.6, wherever they stand in the value. */
function unquote(value: string): string | undefined {
  let plain = ''
  let open = false
  for (let i = 0; i < value.length; i++) {
    const char = value[i]
    if (char === '"') open = !open
    else if (open && char === '\\') {
      i++
      plain += value[i] ?? ''
    } else plain += char
  }
  return open ? undefined : plain
}
