/** Why an event is in a dead-letter queue. Closed, and written on the wire as it stands. */
export const DEAD_LETTER_REASONS = [
  /** The last attempt that the policy allows has failed. */
  'attempts-exhausted',
  /** The next attempt would have started later than `maxElapsed` after the first failure. */
  'elapsed',
  /** The handler threw `Reject`. */
  'rejected',
  /** A rule of `retry.classify` said so. */
  'classified',
  /** The data does not fit its contract's schema. */
  'schema-violation',
  /** The message is not a CloudEvent. */
  'undecodable',
  /** No handler names the type, and the subscription dead-letters those. */
  'unhandled-type',
  /** It took its consumer down with it. */
  'crashed',
] as const

export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]
