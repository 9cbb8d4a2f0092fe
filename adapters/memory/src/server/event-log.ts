import type { StartPosition } from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import type { RetentionLimits } from '../options.ts'
import type { Budget } from './budget.ts'
import type { StoredMessage } from './stored-message.ts'

const COMPACT_AT = 1024

/**
 * What a topic keeps for groups that start in the past. Retention only ends replay: a message that a group
 * still waits for is kept by that group.
 */
export class EventLog {
  readonly #budget: Budget
  /** Absolute number of the first slot. */
  #base = 0
  #slots: (StoredMessage | undefined)[] = []
  /** Index of the oldest slot that may still be filled. */
  #head = 0
  #count = 0
  #bytes = 0
  retention: RetentionLimits

  constructor(budget: Budget, retention: RetentionLimits) {
    this.#budget = budget
    this.retention = retention
  }

  get count(): number {
    return this.#count
  }

  append(message: StoredMessage, now: number): void {
    message.log = this
    message.slot = this.#base + this.#slots.length
    this.#slots.push(message)
    this.#count++
    this.#bytes += message.bytes
    if (message.refs === 0) this.#budget.idle(message)
    this.trim(now)
  }

  evict(message: StoredMessage): void {
    this.#slots[message.slot - this.#base] = undefined
    this.#count--
    this.#bytes -= message.bytes
    message.log = undefined
    this.#budget.unretained(message)
    this.#advance()
  }

  /** Lets go of what the retention no longer covers. */
  trim(now: number): void {
    const { age, bytes, count } = this.retention
    for (;;) {
      const oldest = this.#slots[this.#head]
      if (oldest === undefined) return
      if (this.#count <= count && this.#bytes <= bytes && oldest.storedAt + age > now) return
      this.evict(oldest)
    }
  }

  /** The retained messages from a start position on, in order. */
  from(start: StartPosition, now: number): StoredMessage[] {
    if (start === 'new') return []
    this.trim(now)
    const wanted = startTest(start)
    const found: StoredMessage[] = []
    for (let i = this.#head; i < this.#slots.length; i++) {
      const message = this.#slots[i]
      if (message !== undefined && wanted(message)) found.push(message)
    }
    return found
  }

  #advance(): void {
    while (this.#head < this.#slots.length && this.#slots[this.#head] === undefined) this.#head++
    if (this.#head > COMPACT_AT && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head)
      this.#base += this.#head
      this.#head = 0
    }
  }
}

/**
 * Whether a message lies at or after a start position.
 * @throws BusError INVALID_OPTIONS
 */
export function startTest(start: Exclude<StartPosition, 'new'>): (message: StoredMessage) => boolean {
  if (start === 'earliest') return () => true
  if ('time' in start) {
    const from = start.time.getTime()
    return message => message.storedAt >= from
  }
  const from = parsePosition(start.position)
  return message => message.sequence >= from
}

/**
 * A position is the message's place among all of the broker's messages, in decimal.
 * @throws BusError INVALID_OPTIONS
 */
export function parsePosition(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Number(position)
  throw new BusError(
    'INVALID_OPTIONS',
    `start.position: ${JSON.stringify(position)} is not a position of this broker`,
    {
      field: 'start.position',
      remedy: 'pass a position that a publish or a delivery of the memory broker has shown',
    },
  )
}
