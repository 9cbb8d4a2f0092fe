// Node 22 has `isWellFormed` and `toWellFormed`, which the es2023 library does not know yet.
/// <reference lib="es2024.string" />

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/

/** What the type system keeps out of a String: C0 and C1 controls, lone surrogates, noncharacters. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u

/** The first code point that a CloudEvents String may not contain, as `U+000A`; undefined when there is none. */
export function forbiddenCodePoint(text: string): string | undefined {
  if (PRINTABLE_ASCII.test(text)) return undefined
  const found = FORBIDDEN.exec(text)
  if (found === null) return undefined
  return `U+${found[0].codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
}

/** Whether `text` has no lone surrogate, so that UTF-8 can carry it. */
export const isWellFormed = (text: string): boolean => text.isWellFormed()

/** `text` with U+FFFD in the place of each lone surrogate. */
export const toWellFormed = (text: string): string => text.toWellFormed()
