/**
 * A header that is not ours: kept, in order and repeated where it was repeated, through retries,
 * redrives and dead letters.
 */
export type ForeignHeader = readonly [name: string, value: string | Uint8Array]

/**
 * An event between core and an adapter: attributes as canonical strings, data as the bytes that a binary-mode
 * message would carry. Core validates and encodes it once; an adapter only chooses where on the wire each
 * part goes, with the helpers in `@busbar/core/adapter`.
 */
export interface Envelope {
  /** CloudEvents attributes by their lower-case names, `datacontenttype` and extensions included, data not. */
  readonly attributes: Readonly<Record<string, string>>
  /** Data; `null` when the event has none (which is not the same as empty data, nor as a JSON `null`). */
  readonly body: Uint8Array | null
  /** Busbar's own metadata: only keys of the closed list in {@link META}. */
  readonly meta: Readonly<Record<string, string>>
  readonly headers: readonly ForeignHeader[]
}

/** A message that could not be decoded, as it was on the wire. */
export interface RawMessage {
  readonly body: Uint8Array | null
  readonly headers: readonly ForeignHeader[]
  readonly contentType?: string
}

/**
 * The closed list of Busbar's metadata, by what it says. The values are the header names on the wire.
 * A user's header with one of these names, or with the prefix, is refused (`RESERVED_HEADER`).
 */
export const META = {
  /** How data was passed when the content type alone would make a reader guess wrong: `json`, `text` or `binary`. */
  data: 'busbar-data',
  /** Recorded failed attempts before this delivery. */
  failures: 'busbar-failures',
  /** Starts recorded for a suspect, without an outcome yet. */
  marks: 'busbar-marks',
  firstFailure: 'busbar-first-failure',
  lastFailure: 'busbar-last-failure',
  errorCode: 'busbar-error-code',
  errorClass: 'busbar-error-class',
  errorMessage: 'busbar-error-message',
  errorStack: 'busbar-error-stack',
  /** Why a dead letter is dead: a `DeadLetterReason`. */
  reason: 'busbar-reason',
  /** Topic, group and partitioning key the message came from, on retries and dead letters. */
  topic: 'busbar-topic',
  group: 'busbar-group',
  key: 'busbar-key',
  deadAt: 'busbar-dead-at',
  /** How often this event has been redriven. */
  redrives: 'busbar-redrives',
  notBefore: 'busbar-not-before',
  requestId: 'busbar-request-id',
  replyTo: 'busbar-reply-to',
  /** `ok`, `failure` (declared) or `error` on a reply. */
  replyStatus: 'busbar-reply-status',
} as const

export type MetaKey = (typeof META)[keyof typeof META]

/** The prefix that belongs to Busbar among header names. */
export const META_PREFIX = 'busbar-'
