import { hash } from 'node:crypto'
import { BusError } from '../errors/bus-error.ts'
import { checkGroupName, checkPrefix } from './legal-name.ts'
import type { NameRules, Separators } from './name-rules.ts'
import { checkPattern } from './topic-pattern.ts'

/** What a name is for. `state` is bookkeeping; `inbox` holds a group's retries and redrives. */
export type NameKind =
  | 'topic'
  | 'queue'
  | 'retry'
  | 'delay'
  | 'dead'
  | 'inbox'
  | 'request'
  | 'reply'
  | 'state'

export interface NameParts {
  /** Empty for none. */
  readonly prefix: string
  readonly kind: NameKind
  /** A topic or a pattern of topics; left out for what belongs to no topic, such as delay levels shared by all. */
  readonly topic?: string
  /** Only with a topic. */
  readonly group?: string
  readonly partition?: number
  /** Tells apart several of one kind: a retry tier, a delay level, a process's id. `[A-Za-z0-9-]+`, 40 at most. */
  readonly qualifier?: string
  /** The version of the adapter's layout on the broker. Default 1; another one makes new names. */
  readonly layout?: number
}

/**
 * The broker's name for something of ours. No two different inputs give the same name under one set of rules, not
 * even where the broker takes `.` for `_` or ignores case. Readable where it can be:
 * `staging___orders.eu__billing__queue.p3`; what is too long or illegal ends in a hash of all parts instead, and
 * begins with the prefix and as much of the readable name as fits.
 *
 * Meant for setup: adapters keep the names that they need for each message.
 * @throws BusError ILLEGAL_NAME for parts outside their own rules.
 */
export function physicalName(rules: NameRules, parts: NameParts): string {
  checkParts(parts)
  const readable = readableName(rules, parts) + rules.suffix
  return isLegal(rules, readable) ? readable : hashedName(rules, parts) + rules.suffix
}

/** The topic stands first, so that lists sort by it; a plain topic is its own name, which outsiders can guess. */
function readableName(rules: NameRules, parts: NameParts): string {
  const { separators } = rules
  const dotted = (name: string) => name.replaceAll('.', separators.dot)
  const prefix = parts.prefix === '' ? '' : dotted(parts.prefix) + separators.prefix
  const owner = parts.topic === undefined ? 'busbar' : dotted(parts.topic)
  const head = rules.hashTag === true ? `{${prefix}${owner}}` : prefix + owner
  const detail = describeKind(parts, separators)
  if (parts.topic === undefined) return head + separators.shared + detail
  if (parts.group !== undefined)
    return head + separators.field + dotted(parts.group) + separators.field + detail
  return detail === 'topic' ? head : head + separators.field + detail
}

/** The kind, then what narrows it, each led by its own letter and in this order. */
function describeKind(parts: NameParts, { dot }: Separators): string {
  let detail: string = parts.kind
  if (parts.partition !== undefined) detail += `${dot}p${parts.partition}`
  if (parts.qualifier !== undefined) detail += `${dot}q${parts.qualifier}`
  if (parts.layout !== undefined && parts.layout !== 1) detail += `${dot}v${parts.layout}`
  return detail
}

/**
 * Holds a run of four (or, without a stub, more) `_` that no readable name has, so the two never meet. Written with
 * `_` for dots under all rules: no broker refuses that.
 */
function hashedName(rules: NameRules, parts: NameParts): string {
  const digest = base32(
    hash(
      'sha256',
      JSON.stringify([
        parts.layout ?? 1,
        parts.prefix,
        parts.kind,
        parts.topic ?? null,
        parts.group ?? null,
        parts.partition ?? null,
        parts.qualifier ?? null,
      ]),
      'buffer',
    ),
  )
  const prefix = parts.prefix === '' ? '' : `${plain(parts.prefix)}___`
  const room = rules.maxLength - rules.suffix.length - prefix.length - HASH_MARK.length - digest.length
  const words = [parts.kind, parts.topic, parts.group].filter(word => word !== undefined)
  const stub = plain(words.join('__')).slice(0, Math.max(0, room)).replace(/_+$/, '')
  const name = `${prefix}${stub}${HASH_MARK}${digest}`
  return rules.caseSensitive ? name : name.toLowerCase()
}

const HASH_MARK = '____'

const plain = (name: string): string => name.replaceAll('.', '_').replaceAll('*', '-')

function isLegal(rules: NameRules, name: string): boolean {
  return (
    name.length <= rules.maxLength &&
    rules.legal.test(name) &&
    rules.reserved?.test(name) !== true &&
    (rules.caseSensitive || name === name.toLowerCase())
  )
}

/** 130 bits: with a billion names the chance that any two meet is below 10^-21. */
const DIGEST_LENGTH = 26
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** One case only, for brokers that ignore it. */
function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    for (; bits >= 5 && text.length < DIGEST_LENGTH; bits -= 5) {
      text += ALPHABET[(value >>> (bits - 5)) & 31]
    }
    if (text.length === DIGEST_LENGTH) break
    value &= (1 << bits) - 1
  }
  return text
}

function checkParts(parts: NameParts): void {
  checkPrefix(parts.prefix)
  if (parts.topic !== undefined) checkPattern(parts.topic)
  if (parts.group !== undefined) checkGroupName(parts.group)
  const { partition, qualifier, layout } = parts
  const fault =
    parts.group !== undefined && parts.topic === undefined
      ? 'group: a group belongs to a topic'
      : partition !== undefined && !(Number.isSafeInteger(partition) && partition >= 0)
        ? `partition: ${partition} is not a whole number, 0 or more`
        : layout !== undefined && !(Number.isSafeInteger(layout) && layout >= 1)
          ? `layout: ${layout} is not a whole number, 1 or more`
          : qualifier !== undefined && !/^[A-Za-z0-9-]{1,40}$/.test(qualifier)
            ? `qualifier: ${JSON.stringify(qualifier)} has other characters than letters, digits and '-', or more than 40`
            : undefined
  if (fault !== undefined)
    throw new BusError('ILLEGAL_NAME', fault, { field: fault.slice(0, fault.indexOf(':')) })
}
