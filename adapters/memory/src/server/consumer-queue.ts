import {
  BusError,
  isPattern,
  META,
  type QueueStats,
  type Settlement,
  type SettlementResult,
} from '@busbar/core/adapter'
import { BinaryHeap } from '../structures/binary-heap.ts'
import type { Sleeper } from './alarms.ts'
import { DeadLetters } from './dead-letters.ts'
import { overdue } from './leases.ts'
import type { Member } from './member.ts'
import { MemoryDelivery } from './memory-delivery.ts'
import { QueueEntry } from './queue-entry.ts'
import { ReadyByKey } from './ready-by-key.ts'
import { ReadyByArrival, type ReadyQueue } from './ready-queue.ts'
import type { StoredMessage } from './stored-message.ts'
import type { Surroundings } from './surroundings.ts'

/** Whose messages these are: a group's, a broadcast subscription's own, or a group of responders'. */
export type QueueKind = 'group' | 'broadcast' | 'requests'

const DONE: SettlementResult = { status: 'done' }
const LOST: SettlementResult = { status: 'lost', copied: false }

/** What one group has before it: ready, delayed and in flight; and its dead letters. */
export class ConsumerQueue implements Sleeper {
  readonly kind: QueueKind
  /** As subscribed: a topic or a pattern. */
  readonly topic: string
  /** Absent on a broadcast subscription's. */
  readonly group: string | undefined
  readonly deadLetters: DeadLetters
  readonly members: Member[] = []
  /** How many messages expired before anybody got them. */
  expired = 0
  /** Whether a subscription has begun to read it; until then `start` may still move its position. */
  begun = false
  alarmAt = Number.POSITIVE_INFINITY

  readonly #env: Surroundings
  readonly #pattern: boolean
  #ready: ReadyQueue
  #ordering: 'none' | 'key'
  readonly #delayed = new BinaryHeap<QueueEntry>(sooner)
  #order = 0
  #turn = 0

  constructor(
    env: Surroundings,
    spec: { kind: QueueKind; topic: string; group: string | undefined; ordering: 'none' | 'key' },
  ) {
    this.#env = env
    this.kind = spec.kind
    this.topic = spec.topic
    this.group = spec.group
    this.deadLetters = new DeadLetters(env.budget)
    this.#pattern = isPattern(spec.topic)
    this.#ordering = spec.ordering
    this.#ready = readyQueue(spec.ordering, this.#pattern)
  }

  get ordering(): 'none' | 'key' {
    return this.#ordering
  }

  /** Changes the discipline. Only without members: what is in flight belongs to the old one. */
  setOrdering(ordering: 'none' | 'key'): void {
    if (ordering === this.#ordering) return
    const entries = this.#ready.clear()
    this.#ordering = ordering
    this.#ready = readyQueue(ordering, this.#pattern)
    for (const entry of entries) {
      entry.order = this.#order++
      this.#ready.arrive(entry)
    }
  }

  get inFlight(): number {
    return this.members.reduce((sum, member) => sum + member.inFlight.length, 0)
  }

  stats(): Required<Omit<QueueStats, 'exact'>> {
    const ready = this.#ready.size
    const delayed = this.#delayed.size
    const inFlight = this.inFlight
    return { ready, inFlight, delayed, lag: ready + inFlight + delayed, dead: this.deadLetters.size }
  }

  /** A message for this group. `notBefore` in the future delays it. */
  add(message: StoredMessage, now: number): void {
    const { meta } = message.envelope
    const entry = new QueueEntry(message, this.#order++, count(meta[META.failures]), count(meta[META.marks]))
    this.#env.budget.ref(message)
    entry.notBefore = message.notBefore
    if (message.notBefore !== undefined && message.notBefore > now) this.#delay(entry, message.notBefore)
    else {
      this.#ready.arrive(entry)
      this.#env.touch(this)
    }
  }

  /** Moves a queue that nobody has read yet to where `wanted` begins; `retained` is what the logs have of that. */
  rewind(retained: readonly StoredMessage[], wanted: (message: StoredMessage) => boolean, now: number): void {
    const messages = new Set(retained)
    const entries = this.#ready.clear()
    // Redrives (without a sequence number) are this group's alone and stay.
    for (const { message } of entries) if (message.sequence === 0 || wanted(message)) messages.add(message)
    for (const message of [...messages].sort((a, b) => a.sequence - b.sequence)) this.add(message, now)
    for (const entry of entries) this.#free(entry)
  }

  attach(member: Member): void {
    this.begun = true
    this.members.push(member)
    this.#env.touch(this)
  }

  /** Lets a member go; what it had goes back. `counted`: it did not say goodbye. */
  detach(member: Member, counted: boolean): void {
    const index = this.members.indexOf(member)
    if (index === -1) return
    this.members.splice(index, 1)
    for (const delivery of [...member.inFlight]) this.#giveBack(member, delivery, counted)
    this.#env.touch(this)
  }

  /** Frees everything; the queue is no longer used. */
  clear(): void {
    for (const member of [...this.members]) this.detach(member, false)
    for (const entry of [...this.#ready.clear(), ...this.#delayed.clear()]) this.#free(entry)
    this.deadLetters.purge()
  }

  /** Hands out what is ready, in turns among members with room. */
  dispatch(now: number): void {
    const { members } = this
    let passed = 0
    while (passed < members.length) {
      if (this.#turn >= members.length) this.#turn = 0
      const member = members[this.#turn++] as Member
      const entry = member.free > 0 ? this.#takeLive(member, now) : undefined
      if (entry === undefined) {
        passed++
        continue
      }
      passed = 0
      const leaseUntil = now + member.lease
      const topic = this.#pattern || this.kind === 'requests' ? entry.message.topic : this.topic
      const delivery = new MemoryDelivery(topic, entry, leaseUntil)
      member.add(delivery)
      member.batch.push(delivery)
      if (leaseUntil < this.alarmAt) this.#env.alarms.set(this, leaseUntil)
    }
    for (const member of [...members]) {
      if (member.batch.length === 0) continue
      const { batch } = member
      member.batch = []
      // A sink earlier in this loop may have cut the connection of a later one.
      if (this.members.includes(member)) member.port.deliver(batch)
    }
  }

  settle(member: Member, settlement: Settlement, now: number): SettlementResult {
    const delivery = settlement.delivery as MemoryDelivery
    if (!member.has(delivery)) return LOST
    if (delivery.holding === 'unanswered') {
      member.remove(delivery)
      this.#env.touch(this)
      return delivery.settledAs === settlement.kind ? DONE : LOST
    }
    const result = this.#apply(delivery, settlement, now)
    if (result.status !== 'done') return result
    member.remove(delivery)
    this.#env.touch(this)
    return result
  }

  /** Settles, and loses the answer: core counts the delivery until it has asked again. */
  settleUnanswered(member: Member, settlement: Settlement, now: number): SettlementResult {
    const delivery = settlement.delivery as MemoryDelivery
    if (!member.has(delivery) || delivery.holding !== 'held') return this.settle(member, settlement, now)
    const result = this.#apply(delivery, settlement, now)
    if (result.status !== 'done') return result
    delivery.holding = 'unanswered'
    delivery.settledAs = settlement.kind
    return {
      status: 'failed',
      error: new BusError('SETTLEMENT_FAILED', 'the broker did not answer', { retryable: true }),
      retryable: true,
      copy: settlement.kind === 'retry' || settlement.kind === 'dead' ? 'maybe' : 'none',
    }
  }

  mark(member: Member, delivery: MemoryDelivery): boolean {
    if (!member.has(delivery) || delivery.holding !== 'held') return false
    if (!delivery.marked) delivery.entry.marks++
    delivery.marked = true
    return true
  }

  extend(member: Member, delivery: MemoryDelivery, leaseUntil: number): boolean {
    if (!member.has(delivery) || delivery.holding !== 'held') return false
    delivery.leaseUntil = leaseUntil
    this.#env.alarms.set(this, leaseUntil)
    return true
  }

  /** Moves due entries on and takes back what was held too long. */
  wake(now: number): void {
    for (let next = this.#delayed.peek(); next !== undefined; next = this.#delayed.peek()) {
      const due = next.notBefore as number
      if (due > now) {
        this.#env.alarms.set(this, due)
        break
      }
      this.#delayed.pop()
      if (next.held) this.#resume(next)
      else {
        next.order = this.#order++
        this.#ready.arrive(next)
      }
    }
    for (const member of [...this.members]) {
      const { expired, next } = overdue(member, now)
      for (const delivery of expired) this.#giveBack(member, delivery, true)
      if (next !== Number.POSITIVE_INFINITY) this.#env.alarms.set(this, next)
      if (expired.length > 0) member.port.lost(expired)
    }
    this.#env.touch(this)
  }

  #takeLive(member: Member, now: number): QueueEntry | undefined {
    for (let entry = this.#ready.take(member); entry !== undefined; entry = this.#ready.take(member)) {
      if (entry.message.expiresAt > now) return entry
      this.expired++
      this.#ready.done(entry)
      this.#free(entry)
    }
    return undefined
  }

  #apply(delivery: MemoryDelivery, settlement: Settlement, now: number): SettlementResult {
    const { entry } = delivery
    switch (settlement.kind) {
      case 'ack':
        this.#ready.done(entry)
        this.#free(entry)
        return DONE
      case 'release':
        // Uncounted: a start that was marked, and is given back, is not held against the message.
        if (delivery.marked) entry.marks--
        this.#ready.putBack(entry)
        return DONE
      case 'retry':
        this.#retry(delivery, settlement, now)
        return DONE
      case 'dead': {
        const refusal = this.kind === 'group' ? this.#env.faults.deadLetterRefusal() : NO_DEAD_LETTERS
        if (refusal !== undefined) return refusal
        this.deadLetters.add(delivery, settlement.meta)
        this.#ready.done(entry)
        this.#free(entry)
        return DONE
      }
    }
  }

  #retry(delivery: MemoryDelivery, settlement: Settlement & { kind: 'retry' }, now: number): void {
    const { entry } = delivery
    const { budget } = this.#env
    entry.failures++
    // The marked start has its outcome now: this failure.
    if (delivery.marked) entry.marks--
    budget.removeBytes(entry.metaBytes)
    entry.meta = settlement.meta
    entry.metaBytes = budget.addMeta(settlement.meta)
    entry.notBefore = settlement.notBefore
    this.#ready.hold(entry)
    entry.held = true
    if (settlement.notBefore > now) this.#delay(entry, settlement.notBefore)
    else this.#resume(entry)
  }

  #resume(entry: QueueEntry): void {
    entry.held = false
    this.#ready.resume(entry)
  }

  #delay(entry: QueueEntry, due: number): void {
    this.#delayed.push(entry)
    this.#env.alarms.set(this, due)
  }

  /** Takes a delivery from its member without a verdict. */
  #giveBack(member: Member, delivery: MemoryDelivery, counted: boolean): void {
    const settled = delivery.holding !== 'held'
    member.remove(delivery)
    if (settled) return
    const { entry } = delivery
    if (counted && this.kind === 'requests') {
      // A request is at most once: whoever crashed may have begun it, so nobody else may.
      this.#ready.done(entry)
      this.#free(entry)
      return
    }
    if (counted) entry.redeliveries++
    else if (delivery.marked) entry.marks--
    this.#ready.putBack(entry)
  }

  #free(entry: QueueEntry): void {
    this.#env.budget.removeBytes(entry.metaBytes)
    this.#env.budget.unref(entry.message)
  }
}

const NO_DEAD_LETTERS: SettlementResult = {
  status: 'failed',
  error: new BusError('BROKER_REJECTED', 'only a group has a dead-letter queue', {
    remedy: 'ack it: broadcasts and requests are never dead-lettered',
  }),
  retryable: false,
  copy: 'none',
}

const readyQueue = (ordering: 'none' | 'key', manyTopics: boolean): ReadyQueue =>
  ordering === 'key' ? new ReadyByKey(manyTopics) : new ReadyByArrival()

function sooner(a: QueueEntry, b: QueueEntry): boolean {
  const first = a.notBefore as number
  const second = b.notBefore as number
  return first < second || (first === second && a.order < b.order)
}

/** A recorded count that came with a message, as on a redrive; anything that is not one counts as none. */
function count(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0
}
