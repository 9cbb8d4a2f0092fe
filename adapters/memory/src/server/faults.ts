import type { SettlementResult } from '@busbar/core/adapter'
import { BusError } from '@busbar/core/adapter'
import { type Random, seededRandom } from '@busbar/core/time'
import type { ResolvedOptions } from '../options.ts'
import type { FaultInjector } from './fault-injector.ts'

/** A client's connection, as faults reach it. */
export interface FaultyLink {
  readonly name: string
  /** The connection is gone; nothing was said. */
  drop(cause: BusError): void
  /** The broker accepts it again. */
  restore(): void
  /** Its process is gone. */
  kill(): void
  /** Publishes that hung go on. */
  resume(): void
}

export interface FaultTarget {
  links(): readonly FaultyLink[]
  /** What a restart loses: requests and replies on their way. */
  forgetTransient(): void
  /** Runs once, `delay` milliseconds from now; in a coming microtask when it is 0. */
  later(delay: number, run: () => void): void
}

/** Everything that goes wrong on purpose: what tests order, and what a plan deals out by chance. */
export class Faults implements FaultInjector {
  /** Whether anything may go wrong at all: the fast paths ask only this. */
  active = false
  hung = false
  readonly #target: FaultTarget
  readonly #plan: ResolvedOptions['faults']
  readonly #random: Random
  readonly #cutNames = new Set<string>()
  #allCut = false
  #slow = 0
  #lostConfirms = 0
  #refusals = { left: 0, error: undefined as BusError | undefined }
  #settleFaults = { left: 0, mode: 'refused' as 'refused' | 'unanswered' }
  #deadLetterFaults = 0

  constructor(plan: ResolvedOptions['faults'], target: FaultTarget) {
    this.#plan = plan
    this.#target = target
    this.#random = seededRandom(plan.seed)
    this.#update()
  }

  /** Milliseconds until a connection that the plan dropped is back. */
  get outage(): number {
    return this.#plan.outage
  }

  accepts(clientName: string): boolean {
    return !this.#allCut && !this.#cutNames.has(clientName)
  }

  cut(clientName?: string): void {
    if (clientName === undefined) this.#allCut = true
    else this.#cutNames.add(clientName)
    for (const link of this.#named(clientName)) link.drop(connectionLost())
  }

  heal(clientName?: string): void {
    if (clientName === undefined) {
      this.#allCut = false
      this.#cutNames.clear()
    } else this.#cutNames.delete(clientName)
    for (const link of this.#target.links()) if (this.accepts(link.name)) link.restore()
  }

  crash(clientName: string): void {
    for (const link of this.#named(clientName)) link.kill()
  }

  restart(downtime = 0): void {
    this.cut()
    this.#target.forgetTransient()
    this.#target.later(downtime, () => this.heal())
  }

  slow(milliseconds: number): void {
    this.#slow = milliseconds
    this.#update()
  }

  hangPublishes(): void {
    this.hung = true
    this.#update()
  }

  resume(): void {
    this.hung = false
    this.#update()
    for (const link of this.#target.links()) link.resume()
  }

  failNextConfirm(messages = 1): void {
    this.#lostConfirms = messages
    this.#update()
  }

  refuseNextPublish(messages = 1, error?: BusError): void {
    this.#refusals = { left: messages, error }
    this.#update()
  }

  failNextSettle(settlements = 1, mode: 'refused' | 'unanswered' = 'refused'): void {
    this.#settleFaults = { left: settlements, mode }
    this.#update()
  }

  failDeadLetterWrites(writes = 1): void {
    this.#deadLetterFaults = writes
  }

  operationDelay(): number {
    const { probability, max } = this.#plan.delay
    return this.#slow + (this.#chance(probability) ? Math.ceil(this.#random.next() * max) : 0)
  }

  /** Whether the plan drops the connection now, and then whether the broker still did what it was asked. */
  connectionDrop(): 'none' | 'before' | 'after' {
    if (!this.#chance(this.#plan.dropConnection)) return 'none'
    return this.#random.next() < 0.5 ? 'before' : 'after'
  }

  crashesConsumer(): boolean {
    return this.#chance(this.#plan.crashConsumer)
  }

  publishRefusal(): BusError | undefined {
    if (this.#refusals.left > 0) {
      this.#refusals.left--
      const { error } = this.#refusals
      this.#update()
      return error ?? refused()
    }
    return this.#chance(this.#plan.refusePublish) ? refused() : undefined
  }

  confirmLost(): boolean {
    if (this.#lostConfirms > 0) {
      this.#lostConfirms--
      this.#update()
      return true
    }
    return this.#chance(this.#plan.failConfirm)
  }

  settleFault(): 'none' | 'refused' | 'unanswered' {
    if (this.#settleFaults.left > 0) {
      this.#settleFaults.left--
      const { mode } = this.#settleFaults
      this.#update()
      return mode
    }
    if (!this.#chance(this.#plan.failSettle)) return 'none'
    return this.#random.next() < 0.5 ? 'refused' : 'unanswered'
  }

  deadLetterRefusal(): SettlementResult | undefined {
    if (this.#deadLetterFaults === 0) return undefined
    this.#deadLetterFaults--
    const error = new BusError('SETTLEMENT_FAILED', 'the dead letter was not written', { retryable: true })
    return { status: 'failed', error, retryable: true, copy: 'none' }
  }

  #named(clientName: string | undefined): FaultyLink[] {
    return this.#target.links().filter(link => clientName === undefined || link.name === clientName)
  }

  /** Draws only for what the plan has, so that one probability does not change another's sequence. */
  #chance(probability: number): boolean {
    return probability > 0 && this.#random.next() < probability
  }

  #update(): void {
    const { dropConnection, failConfirm, refusePublish, failSettle, crashConsumer, delay } = this.#plan
    const planned =
      dropConnection + failConfirm + refusePublish + failSettle + crashConsumer + delay.probability
    const ordered = this.#slow + this.#lostConfirms + this.#refusals.left + this.#settleFaults.left
    this.active = planned > 0 || ordered > 0 || this.hung
  }
}

export const connectionLost = (): BusError =>
  new BusError('CONNECTION_LOST', 'the connection to the memory broker was lost', {
    retryable: true,
    remedy: 'the adapter reconnects by itself',
  })

const refused = (): BusError =>
  new BusError('BROKER_REJECTED', 'the memory broker refused the message: a fault was injected', {
    retryable: true,
  })
