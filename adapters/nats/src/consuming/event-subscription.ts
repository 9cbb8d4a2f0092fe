import {
  BusError,
  type Delivery,
  type Settlement,
  type SettlementResult,
  type Sink,
  type Subscription,
} from '@busbar/core/adapter'
import { aliveFor, InHand } from './in-hand.ts'
import { Intake } from './intake.ts'
import { KeyGate } from './key-gate.ts'
import { type Limit, settled } from './limit.ts'
import { Missing } from './missing.ts'
import type { NatsDelivery } from './nats-delivery.ts'
import { Pulls } from './pulls.ts'
import { gateKey } from './read-delivery.ts'
import { AttemptRecords } from './records.ts'
import { MARGIN, Restoring } from './restoring.ts'
import { Settling } from './settling.ts'
import type { SubscriptionOptions } from './subscription-options.ts'
import { DONE, LOST, Verdicts } from './verdicts.ts'

/** One member of a group, or a broadcast: reads one consumer of one stream. */
export class EventSubscription implements Subscription {
  readonly #o: SubscriptionOptions
  readonly #sink: Sink
  readonly #pulls: Pulls
  readonly #intake: Intake
  readonly #settling: Settling
  readonly #verdicts: Verdicts
  /** Present for broadcasts of ordered topics. */
  readonly #gate: KeyGate | undefined
  readonly #held: InHand
  readonly #missing: Missing
  readonly #restoring: Restoring
  /** Settlements that wait for the link. */
  #waiting: Settlement[] = []
  /** Settlements that wait for a confirmation. */
  readonly #writing = new Set<Promise<unknown>>()
  #window = 0
  #stopped = false
  #closed = false
  /** Acknowledging it again changes nothing, and a request for more that comes with it stands behind all acks before. */
  #lastAck: string | undefined
  readonly #unlisten: () => void

  constructor(options: SubscriptionOptions) {
    this.#o = options
    const { api, names, spec, place, mode, ackWait } = options
    const records = new AttemptRecords(api, names, place.consumer)
    const deadSubject = spec.group === undefined ? undefined : names.deadSubject(spec.topic, spec.group)
    this.#verdicts = new Verdicts({ api, records, deadSubject, mode })
    this.#settling = new Settling(api, this.#verdicts)
    this.#gate = spec.ordering === 'key' ? new KeyGate(ackWait) : undefined
    this.#missing = new Missing(api.link.clock, () => this.#pump())
    this.#held = new InHand({
      clock: api.link.clock,
      ackWait,
      extend: delivery => {
        if (api.link.state !== 'live') return false
        this.#settling.extend(delivery)
        return true
      },
      onLost: deliveries => this.#lost(deliveries),
    })
    this.#intake = new Intake(options, {
      records,
      settling: this.#settling,
      gate: this.#gate,
      open: () => !this.#closed && !this.#stopped && this.#used < this.#window,
      deliver: deliveries => this.#deliver(deliveries),
    })
    this.#restoring = new Restoring(options, {
      missing: this.#missing,
      ordered: this.#gate !== undefined,
      held: () => this.#held.size,
      lastCount: () => this.#intake.lastCount,
      live: () => {
        this.#tell(sink => sink.state('live'))
        this.#pump()
      },
      failed: error => this.#tell(sink => sink.state('failed', error)),
    })
    this.#pulls = new Pulls(api.link, place, options.inboxPrefix, {
      message: message => this.#intake.received(message),
      idle: () => this.#pump(),
      broken: (status, description) => this.#broken(status, description),
    })
    this.#sink = options.sink(this)
    this.#unlisten = api.link.listen({ down: cause => this.#down(cause), up: () => this.#up() })
    this.#tell(sink => sink.state('live'))
  }

  window(size: number): void {
    if (this.#stopped) return
    this.#window = Math.max(0, Math.min(size, this.#o.spec.maxWindow))
    if (this.#pulls.outstanding + this.#used > this.#window) void this.#pulls.cancel()
    this.#pump()
  }

  settle(batch: readonly Settlement[]): void {
    if (this.#closed) return
    if (this.#o.api.link.state !== 'live') {
      this.#waiting.push(...batch)
      return
    }
    const done: Settlement[] = []
    const lost: Settlement[] = []
    let last: NatsDelivery | undefined
    const now = this.#now
    for (const settlement of batch) {
      const delivery = settlement.delivery as NatsDelivery
      if (!this.#held.has(delivery, now)) {
        this.#held.delete(delivery)
        lost.push(settlement)
      } else if (settlement.kind === 'ack') {
        if (last !== undefined) this.#settling.ack(last)
        last = delivery
        this.#finished(delivery)
        done.push(settlement)
      } else if (settlement.kind === 'release') {
        this.#settling.release(delivery)
        this.#goneBack(delivery, now)
        done.push(settlement)
      } else this.#write(settlement, delivery)
    }
    if (last !== undefined) this.#ackAndPull(last)
    if (done.length > 0) this.#report(done, DONE)
    if (lost.length > 0) this.#report(lost, LOST)
    this.#pump()
  }

  async mark(deliveries: readonly Delivery[]): Promise<void> {
    const ours = deliveries as readonly NatsDelivery[]
    const missing = ours.filter(d => !this.#held.has(d))
    if (missing.length > 0)
      throw new BusError('LEASE_LOST', `${missing.length} of ${ours.length} deliveries are no longer ours`)
    await Promise.all(ours.map(delivery => this.#verdicts.mark(delivery)))
  }

  async extend(deliveries: readonly Delivery[], lease: number): Promise<readonly Delivery[]> {
    const now = this.#now
    const lost: Delivery[] = []
    for (const delivery of deliveries as readonly NatsDelivery[]) {
      if (this.#held.has(delivery)) {
        delivery.leaseUntil = now + lease
      } else {
        this.#held.delete(delivery)
        lost.push(delivery)
      }
    }
    return lost
  }

  async flush({ signal }: Limit): Promise<void> {
    const aborted = abort(signal, 'flush was aborted before all settlements were taken over')
    while (this.#writing.size > 0 || this.#waiting.length > 0) {
      if (this.#waiting.length > 0) await Promise.race([this.#o.api.link.live(this.#o.api.timeout), aborted])
      else await Promise.race([Promise.allSettled(this.#writing), aborted])
    }
    // Without a link there is nothing on its way; what was sent before it went may come again.
    if (this.#o.api.link.state === 'live')
      await Promise.race([this.#o.api.link.flush(this.#o.api.timeout), aborted])
  }

  async stop({ signal }: Limit): Promise<void> {
    this.#window = 0
    this.#stopped = true
    if (this.#o.api.link.state !== 'live') this.#pulls.reset()
    else await Promise.race([this.#pulls.cancel(), settled(signal)])
  }

  async close(limit: Limit): Promise<void> {
    if (this.#closed) return
    await this.stop(limit)
    this.#closed = true
    this.#restoring.close()
    this.#unlisten()
    this.#pulls.reset()
    this.#intake.closed = true
    this.#missing.clear()
    const { api, onClosed } = this.#o
    const { link } = api
    if (link.state === 'live') {
      for (const delivery of this.#held) this.#settling.release(delivery)
      const goodbye = onClosed().then(() => link.flush(api.timeout))
      await Promise.race([goodbye.catch(() => {}), settled(limit.signal)])
    }
    this.#held.clear()
  }

  get #now(): number {
    return this.#o.api.link.clock.now()
  }

  get #used(): number {
    return this.#held.size + this.#intake.pending
  }

  #deliver(deliveries: readonly NatsDelivery[]): void {
    if (this.#closed) return
    if (deliveries.length > 0) {
      this.#held.add(deliveries)
      // Core may have made its window smaller since they came.
      const fits = Math.max(0, deliveries.length - Math.max(0, this.#held.size - this.#window))
      for (const delivery of deliveries.slice(fits)) {
        if (this.#o.api.link.state === 'live') this.#settling.release(delivery)
        this.#goneBack(delivery, this.#now)
      }
      if (fits > 0) this.#tell(sink => sink.deliver(deliveries.slice(0, fits)))
    }
    this.#pump()
  }

  #pump(): void {
    const room = this.#room()
    if (room > 0) this.#pulls.ask(room, this.#lastAck)
  }

  /** The ack of a batch that leaves room is the request for more: so the server never counts more in flight than the window. */
  #ackAndPull(delivery: NatsDelivery): void {
    const room = this.#room()
    this.#lastAck = delivery.ackSubject
    if (room === 0) this.#settling.ack(delivery)
    else {
      this.#pulls.ask(room, delivery.ackSubject)
      this.#verdicts.forget(delivery)
    }
  }

  /** How many to ask for now. */
  #room(): number {
    if (this.#stopped || this.#restoring.busy || this.#pulls.busy || this.#o.api.link.state !== 'live')
      return 0
    const free = this.#window - this.#used - this.#missing.count - this.#pulls.outstanding
    // A pull for each ack would cost as much as the message: wait for a quarter of the window, unless nothing is asked for.
    return free <= 0 || (this.#pulls.outstanding > 0 && free < this.#window >> 2) ? 0 : free
  }

  #lost(deliveries: readonly NatsDelivery[]): void {
    const { ackWait } = this.#o
    for (const delivery of deliveries) {
      this.#gate?.away(gateKey(delivery), delivery.streamSequence, this.#now)
      // The server's patience is longer than what we count on, see aliveFor.
      this.#missing.add(1, delivery.aliveUntil + (ackWait - aliveFor(ackWait)) + MARGIN)
    }
    this.#tell(sink => sink.lost({ deliveries }))
    this.#pump()
  }

  #finished(delivery: NatsDelivery): void {
    this.#held.delete(delivery)
    if (this.#gate !== undefined) this.#gate.done(gateKey(delivery), delivery.streamSequence)
  }

  #goneBack(delivery: NatsDelivery, until: number): void {
    this.#held.delete(delivery)
    this.#gate?.away(gateKey(delivery), delivery.streamSequence, until)
  }

  #write(settlement: Written, delivery: NatsDelivery): void {
    // Those behind it must find it on its way back even before its record is written.
    const until = settlement.kind === 'retry' ? settlement.notBefore : this.#now
    if (settlement.kind !== 'dead') this.#gate?.away(gateKey(delivery), delivery.streamSequence, until)
    const work = this.#perform(settlement, delivery).then(result => {
      this.#writing.delete(work)
      if (result.status === 'done') {
        if (settlement.kind === 'dead') this.#finished(delivery)
        else this.#goneBack(delivery, until)
      }
      if (!this.#closed) this.#report([settlement], result)
      this.#pump()
    })
    this.#writing.add(work)
  }

  #perform(settlement: Written, delivery: NatsDelivery): Promise<SettlementResult> {
    return settlement.kind === 'retry'
      ? this.#settling.retry(delivery, settlement)
      : this.#settling.dead(delivery, settlement.meta)
  }

  #down(cause: unknown): void {
    this.#restoring.down(this.#pulls.outstanding)
    this.#pulls.reset()
    if (!this.#closed) this.#tell(sink => sink.state('reconnecting', cause))
  }

  /** Deliveries are not bound to a connection: what core holds can still be settled, as long as its lease lasts. */
  #up(): void {
    if (this.#closed) return
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length > 0) this.settle(waiting)
    this.#restore()
  }

  #broken(status: number, description: string): void {
    // 409 says many things: the consumer was deleted, a leader changed, the server goes down.
    if (this.#closed || this.#restoring.busy) return
    this.#tell(sink => sink.state('reconnecting', new Error(`${status} ${description}`)))
    this.#restore()
  }

  #restore(): void {
    this.#lastAck = undefined
    this.#restoring.start()
  }

  #report(batch: readonly Settlement[], result: SettlementResult): void {
    this.#tell(sink => sink.settled(batch, result))
  }

  /** A sink does not throw; if one does, the driver must not notice. */
  #tell(what: (sink: Sink) => void): void {
    try {
      what(this.#sink)
    } catch (error) {
      this.#o.onError(error, 'sink')
    }
  }
}

type Written = Extract<Settlement, { kind: 'retry' | 'dead' }>

function abort(signal: AbortSignal, why: string): Promise<never> {
  const aborted = settled(signal).then((): never => {
    throw new BusError('ABORTED', why)
  })
  aborted.catch(() => {})
  return aborted
}
