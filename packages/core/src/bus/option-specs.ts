import { CAPABILITY_IDS } from '../adapter/capabilities.ts'
import { isTopic } from '../contracts/index.ts'
import { issuesError } from '../errors/bus-error.ts'
import { checkPrefix } from '../names/index.ts'
import {
  anyOf,
  array,
  boolean,
  custom,
  fn,
  milliseconds,
  number,
  object,
  oneOf,
  optionIssues,
  record,
  required,
  string,
} from '../options/index.ts'
import { killSwitchSpec, retryIssues, retryPolicySpec } from '../retry/index.ts'
import type { BusOptions } from './bus-options.ts'

const topicValue = custom("a topic made by topic('name', …)", isTopic)
const clock = custom(
  'a clock with now() and setTimer()',
  value => has(value, 'now') && has(value, 'setTimer'),
)
const random = custom('a random source with next()', value => has(value, 'next'))
const logger = custom('a logger with debug, info, warn and error', value =>
  ['debug', 'info', 'warn', 'error'].every(m => has(value, m)),
)

const has = (value: unknown, method: string): boolean =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Record<string, unknown>)[method] === 'function'

const busSpec = object({
  source: string(),
  prefix: string({ min: 0 }),
  clientName: string(),
  requires: array(oneOf(CAPABILITY_IDS)),
  topics: array(topicValue),
  topology: oneOf(['declare', 'verify', 'none']),
  retry: retryPolicySpec,
  publishing: object({
    maxInFlight: number({ min: 1, integer: true }),
    maxInFlightBytes: number({ min: 1, integer: true, unit: 'bytes' }),
    maxWaiting: number({ min: 0, integer: true }),
    timeout: milliseconds({ min: 1 }),
  }),
  mode: oneOf(['binary', 'structured']),
  middleware: object({ publish: array(fn()), handle: array(fn()) }),
  instrumentation: object({ publish: fn(), handle: fn(), settled: fn(), request: fn() }),
  logger,
  onError: fn(),
  adapters: record(fn()),
  clock,
  random,
})

/** @throws BusError INVALID_OPTIONS with everything that is wrong, or ILLEGAL_NAME for the prefix. */
export function checkBusOptions(options: BusOptions): void {
  const issues = [...optionIssues(options, busSpec)]
  if (issues.length === 0 && options.retry !== undefined) issues.push(...retryIssues(options.retry))
  if (issues.length > 0) throw issuesError('INVALID_OPTIONS', 'createBus options', issues)
  if (options.prefix !== undefined && options.prefix !== '') checkPrefix(options.prefix)
}

const start = anyOf([
  oneOf(['new', 'earliest']),
  object({
    time: required(custom('a valid Date', value => value instanceof Date && !Number.isNaN(value.getTime()))),
  }),
  object({ position: required(string()) }),
])

/** Streams are pulled: how many deliveries are worked on at the same time is up to the readers. */
const streamFields = {
  group: string(),
  start,
  prefetch: number({ min: 1, max: 1_000_000, integer: true }),
  retry: retryPolicySpec,
  killSwitch: anyOf([boolean(), killSwitchSpec]),
  unhandled: oneOf(['ack', 'dead-letter', 'retry']),
  lease: milliseconds({ min: 1_000, max: 12 * 3_600_000 }),
}

const subscribeFields = { ...streamFields, concurrency: number({ min: 1, max: 100_000, integer: true }) }

const batch = required(
  object({
    max: required(number({ min: 1, max: 10_000, integer: true })),
    wait: milliseconds({ max: 60_000 }),
  }),
)

/** The options of each way to consume. */
export const CONSUME_SPECS = {
  subscribe: object(subscribeFields),
  subscribeBatch: object({ ...subscribeFields, batch }),
  stream: object(streamFields),
  streamBatch: object({ ...streamFields, batch }),
}

export const respondSpec = object({
  group: required(string()),
  concurrency: number({ min: 1, max: 100_000, integer: true }),
})

export const drainSpec = object({ deadline: milliseconds() })
