export { type Backoff, backoffDelay, type Jitter } from './backoff.ts'
export { RetryBudget, type RetryBudgetOptions } from './budget.ts'
export { type Classification, type ClassifyRule, classify } from './classify.ts'
export { DEAD_LETTER_REASONS, type DeadLetterReason } from './dead-letter-reason.ts'
export { decide, type FailureContext, type Verdict } from './decide.ts'
export { KillSwitch, type KillSwitchOptions, type KillSwitchState, killSwitchSpec } from './kill-switch.ts'
export {
  DEFAULT_POLICY,
  type ResolvedPolicy,
  type RetryPolicyInput,
  resolvePolicy,
  retryIssues,
} from './policy.ts'
export { retryPolicySpec } from './policy-spec.ts'
