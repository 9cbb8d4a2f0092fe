/**
 * Every error code Busbar can raise. The list is closed and append-only: a code keeps its meaning
 * for ever, and each has a section in `docs/error-codes.md`.
 */
export const ERROR_CODES = [
  // Bad input: nothing reached the broker.
  'INVALID_EVENT',
  'SCHEMA_VIOLATION',
  'PAYLOAD_TOO_LARGE',
  'ILLEGAL_NAME',
  'INVALID_OPTIONS',
  'INVALID_CONTRACT',
  'KEY_REQUIRED',
  'RESERVED_HEADER',
  // Configuration and lifecycle.
  'ADAPTER_NOT_FOUND',
  'CAPABILITY_UNSUPPORTED',
  'TOPIC_CONFLICT',
  'ALREADY_SUBSCRIBED',
  'BUS_CLOSED',
  'SUBSCRIPTION_CLOSED',
  'ABORTED',
  'DRAIN_TIMEOUT',
  // Connection and broker.
  'CONNECTION_FAILED',
  'CONNECTION_LOST',
  'AUTHENTICATION_FAILED',
  'PERMISSION_DENIED',
  'TLS_FAILED',
  'TOPOLOGY_MISSING',
  'TOPOLOGY_INCOMPATIBLE',
  'BROKER_REJECTED',
  'BROKER_FULL',
  'UNROUTABLE',
  // Publishing.
  'PUBLISH_FAILED',
  'PUBLISH_UNKNOWN',
  'PUBLISH_OVERFLOW',
  // Handling.
  'DECODE_FAILED',
  'HANDLER_FAILED',
  'HANDLER_CRASHED',
  'SUBSCRIPTION_TRIPPED',
  'ATTEMPTS_EXHAUSTED',
  'UNHANDLED_TYPE',
  'REJECTED',
  'SETTLEMENT_FAILED',
  'LEASE_LOST',
  // Requests.
  'REQUEST_TIMEOUT',
  'REQUEST_FAILED',
  'REMOTE_FAILURE',
  'NO_RESPONDER',
  'INVALID_REPLY',
  // Dead letters.
  'DEAD_LETTER_NOT_FOUND',
  // A bug in Busbar or in an adapter.
  'INTERNAL',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]
