import type { Retention, TopicSpec } from '@busbar/core/adapter'
import type { RetentionLimits } from '../options.ts'
import { BinaryHeap } from '../structures/binary-heap.ts'
import type { Sleeper } from './alarms.ts'
import type { ConsumerQueue } from './consumer-queue.ts'
import { EventLog } from './event-log.ts'
import type { StoredMessage } from './stored-message.ts'
import type { Surroundings } from './surroundings.ts'

/** One topic: its log, the queues that read it, and what was published for later. */
export class Topic implements Sleeper {
  readonly ordered: boolean
  readonly partitions: number
  readonly log: EventLog
  readonly queues: ConsumerQueue[] = []
  /** Lane names by partition, made once. */
  readonly lanes: readonly string[]
  alarmAt = Number.POSITIVE_INFINITY
  readonly #env: Surroundings
  readonly #nextSequence: () => number
  /** Published with a delay: they take their place in the topic when they are due. */
  readonly #scheduled = new BinaryHeap<{ due: number; order: number; message: StoredMessage }>(
    (a, b) => a.due < b.due || (a.due === b.due && a.order < b.order),
  )
  #scheduleOrder = 0
  #lastStored = 0

  constructor(env: Surroundings, spec: TopicSpec, defaults: RetentionLimits, nextSequence: () => number) {
    this.#env = env
    this.#nextSequence = nextSequence
    this.ordered = spec.ordered
    this.partitions = spec.partitions
    this.lanes = Array.from({ length: spec.partitions }, (_, partition) => String(partition))
    this.log = new EventLog(env.budget, retentionLimits(spec.retention, defaults))
  }

  get scheduled(): number {
    return this.#scheduled.size
  }

  /** Takes a message that the budget has admitted; its sequence number, or undefined when it waits for its time. */
  store(message: StoredMessage, now: number): number | undefined {
    this.#env.budget.add(message)
    if (message.notBefore === undefined || message.notBefore <= now) return this.#append(message, now)
    this.#env.budget.ref(message)
    this.#scheduled.push({ due: message.notBefore, order: this.#scheduleOrder++, message })
    this.#env.alarms.set(this, message.notBefore)
    return undefined
  }

  wake(now: number): void {
    for (let next = this.#scheduled.peek(); next !== undefined; next = this.#scheduled.peek()) {
      if (next.due > now) {
        this.#env.alarms.set(this, next.due)
        return
      }
      this.#scheduled.pop()
      this.#append(next.message, now)
      this.#env.budget.unref(next.message)
    }
  }

  /** Keeps more if this asks for more; never less, because another process may count on it. */
  widen(retention: Retention | undefined): void {
    if (retention === undefined) return
    const asked = retentionLimits(retention, UNLIMITED)
    const { age, bytes, count } = this.log.retention
    this.log.retention = {
      age: Math.max(age, asked.age),
      bytes: Math.max(bytes, asked.bytes),
      count: Math.max(count, asked.count),
    }
  }

  #append(message: StoredMessage, now: number): number {
    message.sequence = this.#nextSequence()
    // Never backwards, so that replay by time is a suffix of the log even if the clock was set back.
    this.#lastStored = Math.max(this.#lastStored, now)
    message.storedAt = this.#lastStored
    for (const queue of this.queues) queue.add(message, now)
    this.log.append(message, now)
    return message.sequence
  }
}

const UNLIMITED: RetentionLimits = {
  age: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
  count: Number.POSITIVE_INFINITY,
}

/** A topic that names any limit of its own is bound by those alone. */
export const retentionLimits = (
  retention: Retention | undefined,
  defaults: RetentionLimits,
): RetentionLimits => (retention === undefined ? defaults : { ...UNLIMITED, ...retention })
