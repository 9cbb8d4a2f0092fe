import { Buffer } from 'node:buffer'

/** Longer strings are rarely repeated, and keeping them would cost more than computing again. */
const LONGEST_KEY = 256

/**
 * Remembers `compute`'s results for strings that repeat from event to event (sources, content types). Bounded: the
 * table is emptied when it holds `entries`, so that a stream of unique values cannot grow it.
 */
export function memoised<T extends NonNullable<unknown>>(
  compute: (text: string) => T,
  entries = 1024,
): (text: string) => T {
  const known = new Map<string, T>()
  return text => {
    const hit = known.get(text)
    if (hit !== undefined) return hit
    const value = compute(text)
    if (text.length <= LONGEST_KEY) {
      if (known.size >= entries) known.clear()
      // A copy: `text` may be a slice that keeps the whole message it was cut from in memory.
      known.set(Buffer.from(text, 'utf16le').toString('utf16le'), value)
    }
    return value
  }
}
