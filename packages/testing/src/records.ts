import type { CloudEvent, CloudEventInput, DeadLetterReason } from '@busbar/core'

interface Happening {
  readonly topic: string
  /** The test clock's time, in milliseconds since the epoch. */
  readonly at: number
}

/** A publish that the broker has confirmed. Redrives are not publishes. */
export interface PublishedRecord extends Happening {
  readonly event: CloudEventInput
  /** The broker had it already. */
  readonly duplicate: boolean
}

/** An event that a handler, a batch handler or the reader of a stream has handled. */
export interface HandledRecord extends Happening {
  readonly group: string | undefined
  readonly event: CloudEvent
  /** As the handler got it: the output of the contract's schema. */
  readonly data: unknown
  readonly attempt: number
}

/** A failed attempt of a group that will be followed by another one. */
export interface RetriedRecord extends Happening {
  readonly group: string
  /** Without its data if that cannot be decoded. */
  readonly event: CloudEvent
  /** The attempt that failed. */
  readonly attempt: number
  /** Milliseconds until the next one. */
  readonly delay: number
  readonly error: RecordedError
}

/** An event that went into a dead-letter queue. It stays in the list when it is redriven later. */
export interface DeadLetteredRecord extends Happening {
  readonly group: string
  /** Null when the message was not a CloudEvent. */
  readonly event: CloudEvent | null
  readonly reason: DeadLetterReason
  readonly attempts: number
  readonly error: RecordedError
}

/** An event that a broadcast subscription gave up after its last attempt. */
export interface DroppedRecord extends Happening {
  readonly type: string | undefined
  readonly attempt: number
}

/** What was recorded of the error; what is unknown is left out. */
export interface RecordedError {
  readonly class?: string
  readonly code?: string
  readonly message?: string
}

/** Narrows a list down. */
export interface RecordFilter {
  readonly group?: string
}
