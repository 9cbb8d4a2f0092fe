import type { WireMessage } from '../../wire/encode.ts'
import type { HeldState } from '../delivery.ts'

/** A {@link HeldState} as it lies on the broker. */
export interface HeldRecord {
  /** The record's own. */
  readonly id: string
  /** The message that it is about, see `identityOf`. */
  readonly message: string
  /** Of several about one message, the highest holds; of equal ones the last. */
  readonly revision: number
  readonly state: HeldState
}

const LAYOUT = 1

export function encodeRecord({ id, message, revision, state }: HeldRecord): WireMessage {
  return {
    headers: {},
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ layout: LAYOUT, id, message, revision, ...state })),
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** Undefined for what is none of ours: anybody may put something into a queue. */
export function decodeRecord(content: Buffer): HeldRecord | undefined {
  let read: unknown
  try {
    read = JSON.parse(content.toString())
  } catch {
    return undefined
  }
  if (typeof read !== 'object' || read === null) return undefined
  const { layout, id, message, revision, failures, marks, notBefore, meta } = read as Record<string, unknown>
  if (layout !== LAYOUT || typeof id !== 'string' || typeof message !== 'string') return undefined
  if (!isCount(revision) || !isCount(failures) || !isCount(marks) || !isCount(notBefore)) return undefined
  const state = { failures, marks, notBefore }
  return { id, message, revision, state: isTexts(meta) ? { ...state, meta } : state }
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' && value !== null && Object.values(value).every(text => typeof text === 'string')
