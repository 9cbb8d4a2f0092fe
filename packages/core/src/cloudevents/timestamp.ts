const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const DASH = 0x2d
const COLON = 0x3a

/**
 * Whether `text` is an RFC 3339 timestamp (section 5.6) of a day that exists. Fractions may have any length, and
 * nothing is rounded; `T` and `Z` may be lower case. Hand-written because every event passes here.
 */
export function isTimestamp(text: string): boolean {
  const year = two(text, 0) * 100 + two(text, 2)
  const month = two(text, 5)
  const day = two(text, 8)
  const hour = two(text, 11)
  const minute = two(text, 14)
  const second = two(text, 17)
  const separated =
    text.charCodeAt(4) === DASH &&
    text.charCodeAt(7) === DASH &&
    (text.charCodeAt(10) | 0x20) === 0x74 &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON
  if (!separated || !(year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)))
    return false
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return false
  const zone = fractionEnd(text)
  return isZone(text, zone) && (second !== 60 || endsMonthInUtc(text, zone))
}

/** The number that two digits write; NaN, which fails every comparison, when they are not digits. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30
  const ones = text.charCodeAt(at + 1) - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

function daysIn(year: number, month: number): number {
  if (month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)) return 29
  return DAYS[month - 1] ?? 0
}

/** The position after the seconds' fraction; of its point, if no digit follows, where no zone can be. */
function fractionEnd(text: string): number {
  if (text[19] !== '.') return 19
  let at = 20
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; ) code = text.charCodeAt(++at)
  return at === 20 ? 19 : at
}

function isZone(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if ((code | 0x20) === 0x7a) return text.length === at + 1
  if (code !== 0x2b && code !== DASH) return false
  const inRange = two(text, at + 1) <= 23 && two(text, at + 4) <= 59
  return inRange && text.charCodeAt(at + 3) === COLON && text.length === at + 6
}

/** A leap second follows 23:59:59 UTC on the last day of a month, whatever the offset it is written with. */
function endsMonthInUtc(text: string, zone: number): boolean {
  const before = new Date(`${text.slice(0, 10)}T${text.slice(11, 17)}59${text.slice(zone).toUpperCase()}`)
  const next = new Date(before.getTime() + 1000)
  return next.getUTCHours() === 0 && next.getUTCMinutes() === 0 && next.getUTCDate() === 1
}
