import type { Alarms } from './alarms.ts'
import type { Budget } from './budget.ts'
import type { ConsumerQueue } from './consumer-queue.ts'
import type { Faults } from './faults.ts'

/** What the parts of one broker share. */
export interface Surroundings {
  readonly budget: Budget
  readonly alarms: Alarms
  readonly faults: Faults
  now(): number
  /** Dispatches this queue in a coming microtask. */
  touch(queue: ConsumerQueue): void
}
