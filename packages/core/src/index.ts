export type { Bus } from './bus/bus.ts'
export type * from './bus/bus-options.ts'
export { createBus } from './bus/create-bus.ts'
export type * from './bus/health.ts'
export type { CloudEvent, CloudEventInput } from './cloudevents/event.ts'
export type * from './consuming/consume-options.ts'
export type * from './consuming/delivery.ts'
export type * from './consuming/subscription.ts'
export type * from './consuming/target.ts'
export {
  type AnyEventContract,
  type AnyRequestContract,
  type EventContract,
  event,
  type InputOf,
  type OutputOf,
  type RequestContract,
  type RequestFailure,
  type RequestInput,
  type RequestOutput,
  type ResponseInput,
  type ResponseOutput,
  request,
  type Topic,
  type TopicOptions,
  topic,
} from './contracts/index.ts'
export type * from './dead-letters/dead-letters.ts'
export {
  BusError,
  type BusErrorOptions,
  ERROR_CODES,
  type ErrorCode,
  type Issue,
  isBusError,
  Reject,
  RetryAfter,
} from './errors/index.ts'
export type * from './instrumentation/instrumentation.ts'
export type { Logger } from './instrumentation/logger.ts'
export type * from './instrumentation/middleware.ts'
export type * from './publishing/publish.ts'
export type * from './requests/request.ts'
export type {
  Backoff,
  ClassifyRule,
  DeadLetterReason,
  Jitter,
  KillSwitchOptions,
  RetryBudgetOptions,
  RetryPolicyInput,
} from './retry/index.ts'
