export { BusError, type BusErrorOptions, type Issue, isBusError, issuesError } from './bus-error.ts'
export { ERROR_CODES, type ErrorCode } from './codes.ts'
export { Reject, RetryAfter } from './outcomes.ts'
