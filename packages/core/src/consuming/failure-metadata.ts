import { type Envelope, META } from '../adapter/envelope.ts'
import type { DeadLetterReason } from '../retry/index.ts'
import { headerText } from './header-text.ts'

/** Caps in UTF-16 units. RabbitMQ's headers share 64 KiB, and Kafka resends them with every retry. */
const MESSAGE_CAP = 1_000
const STACK_CAP = 4_000

type Meta = Record<string, string>

const cap = (text: string, limit: number) =>
  text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`

function describe(error: unknown, withStack: boolean): Meta {
  const meta: Meta = {}
  try {
    if (error instanceof Error) {
      meta[META.errorClass] = cap(headerText(error.constructor?.name || error.name), 200)
      meta[META.errorMessage] = cap(headerText(error.message), MESSAGE_CAP)
      const code = (error as { code?: unknown }).code
      if (typeof code === 'string' || typeof code === 'number')
        meta[META.errorCode] = cap(headerText(String(code)), 200)
      // Stacks keep their line breaks as a visible separator that every header can carry.
      if (withStack && error.stack !== undefined) {
        meta[META.errorStack] = cap(headerText(error.stack.replaceAll(/\n\s*/g, ' | ')), STACK_CAP)
      }
    } else if (error !== undefined) {
      meta[META.errorClass] = typeof error
      meta[META.errorMessage] = cap(headerText(String(error)), MESSAGE_CAP)
    }
  } catch {
    // A thrown value whose getters throw: what is unknown is left out.
  }
  return meta
}

/** The failure's own keys, dropped from the old metadata before the new are set, so that they never grow. */
const FAILURE_KEYS: readonly string[] = [
  META.failures,
  META.lastFailure,
  META.errorCode,
  META.errorClass,
  META.errorMessage,
  META.errorStack,
  META.reason,
  META.topic,
  META.group,
  META.key,
  META.deadAt,
  META.notBefore,
  META.marks,
]

function carried(envelope: Envelope | null): Meta {
  const meta: Meta = { ...envelope?.meta }
  for (const key of FAILURE_KEYS) delete meta[key]
  return meta
}

export interface Failure {
  readonly envelope: Envelope | null
  readonly error: unknown
  /** Failed attempts, this one included. */
  readonly failures: number
  readonly now: number
}

/** Metadata of a message that waits for its next attempt. */
export function retryMetadata(failure: Failure): Meta {
  const meta = carried(failure.envelope)
  const at = new Date(failure.now).toISOString()
  meta[META.failures] = String(failure.failures)
  // An earlier failure whose time was not recorded leaves the first one's time unknown: it is not invented.
  if (failure.failures === 1) meta[META.firstFailure] = at
  meta[META.lastFailure] = at
  return Object.assign(meta, describe(failure.error, false))
}

/** Metadata of a dead letter. `failed`: whether an attempt failed just now. */
export function deadMetadata(
  failure: Failure & {
    readonly reason: DeadLetterReason
    readonly topic: string
    readonly group: string
    readonly key: string | undefined
    readonly failed: boolean
  },
): Meta {
  const meta = carried(failure.envelope)
  const at = new Date(failure.now).toISOString()
  const before = failure.envelope?.meta
  meta[META.reason] = failure.reason
  meta[META.topic] = failure.topic
  meta[META.group] = failure.group
  meta[META.failures] = String(failure.failures)
  meta[META.deadAt] = at
  if (failure.key !== undefined) meta[META.key] = headerText(failure.key)
  if (failure.failed) {
    if (failure.failures === 1) meta[META.firstFailure] = at
    meta[META.lastFailure] = at
  } else {
    const lastFailure = before?.[META.lastFailure]
    if (lastFailure !== undefined) meta[META.lastFailure] = lastFailure
  }
  const described = describe(failure.error, true)
  // Dead without a failure of its own (it crashed, or came back over its limit): what the last failure said still helps.
  if (failure.error === undefined && before !== undefined) {
    for (const key of [META.errorCode, META.errorClass, META.errorMessage]) {
      const value = before[key]
      if (value !== undefined) described[key] = value
    }
  }
  return Object.assign(meta, described)
}

/** Milliseconds since the epoch of the first failure, if it was recorded. */
export function firstFailureAt(envelope: Envelope | null): number | undefined {
  const text = envelope?.meta[META.firstFailure]
  if (text === undefined) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}
