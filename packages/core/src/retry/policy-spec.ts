import type { Issue } from '../errors/bus-error.ts'
import {
  anyOf,
  array,
  fn,
  milliseconds,
  number,
  object,
  oneOf,
  required,
  string,
  variants,
} from '../options/index.ts'
import { type Backoff, LONGEST_DELAY } from './backoff.ts'

const delay = milliseconds({ max: LONGEST_DELAY })
const jitter = anyOf([oneOf(['none', 'full']), object({ bounded: required(number({ min: 0, max: 1 })) })])

const backoffSpec = variants('kind', {
  immediate: {},
  fixed: { delay: required(delay), jitter },
  linear: { initial: required(delay), increment: required(delay), max: delay, jitter },
  exponential: { initial: required(delay), factor: number({ min: 1 }), max: delay, jitter },
  ladder: { delays: required(array(delay, { min: 1 })), jitter },
})

const codes = anyOf([string(), number()])

const ruleSpec = object({
  error: fn(),
  code: anyOf([codes, array(codes, { min: 1 })]),
  name: anyOf([string(), array(string(), { min: 1 })]),
  when: fn(),
  to: required(oneOf(['retry', 'dead-letter', 'ignore'])),
})

/** For embedding into the options of a bus, a subscription or a contract. */
export const retryPolicySpec = object({
  attempts: number({ min: 1, integer: true }),
  maxElapsed: number({ min: 0, infinite: true, unit: 'milliseconds' }),
  backoff: backoffSpec,
  classify: array(ruleSpec),
  budget: anyOf([
    oneOf([false]),
    object({
      ratio: number({ min: 0, max: 10 }),
      minPerSecond: number({ min: 0.001, max: 1_000_000 }),
      burst: number({ min: 0, max: 1_000_000 }),
    }),
  ]),
})

/** What is wrong between the fields of a backoff whose fields are each right. */
export function backoffIssues(backoff: Backoff, path: string): readonly Issue[] {
  if (backoff.kind !== 'exponential' && backoff.kind !== 'linear') return []
  if (backoff.max === undefined || backoff.max >= backoff.initial) return []
  return [
    {
      field: `${path}.max`,
      problem: `${backoff.max} is less than initial (${backoff.initial})`,
      remedy: 'raise max, or lower initial',
    },
  ]
}
