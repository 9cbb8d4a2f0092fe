import {
  BusError,
  type Delivery,
  isPattern,
  type Settlement,
  type SettlementResult,
  type Sink,
  type Subscription,
  type SubscriptionSpec,
} from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import type { Msg } from '@nats-io/nats-core'
import type { JetStreamApi } from '../link/api.ts'
import type { Names } from '../names.ts'
import type { Place } from '../topology/provisioner.ts'
import { deliveryInfo } from '../wire/ack-subject.ts'
import type { ContentMode } from '../wire/outgoing.ts'
import { aliveFor, InHand } from './in-hand.ts'
import { KeyGate } from './key-gate.ts'
import type { NatsDelivery } from './nats-delivery.ts'
import { Pulls } from './pulls.ts'
import { gateKey, type HandOver, readDelivery, redeliveriesOf } from './read-delivery.ts'
import { AttemptRecords, type StoredRecord } from './records.ts'
import { DONE, LOST, Settling } from './settling.ts'
import { SingleActive } from './single-active.ts'

type Limit = { readonly signal: AbortSignal }

/** A message due within this many milliseconds is handed over: core waits for the rest. */
const NEARLY_DUE = 20

export interface EventSubscriptionOptions {
  readonly api: JetStreamApi
  readonly names: Names
  readonly spec: SubscriptionSpec
  readonly place: Place
  readonly inboxPrefix: string
  /** Milliseconds without a sign of life after which the server gives a delivery to others. */
  readonly ackWait: number
  readonly mode: ContentMode
  readonly sink: (subscription: Subscription) => Sink
  readonly onError: (error: unknown, where: string) => void
  /** Makes the consumer again, or says why not. */
  readonly restore: () => Promise<void>
  readonly onClosed: () => Promise<void>
}

/** One member of a group, or a broadcast: reads one consumer of one stream. */
export class EventSubscription implements Subscription {
  readonly #o: EventSubscriptionOptions
  readonly #sink: Sink
  readonly #pulls: Pulls
  readonly #records: AttemptRecords
  readonly #settling: Settling
  readonly #gate: KeyGate | undefined
  /** Present for ordered groups: one member reads at a time. */
  readonly #turn: SingleActive | undefined
  readonly #held: InHand
  readonly #inbox: string
  readonly #pattern: boolean
  /** Settlements that wait for the link. */
  #waiting: Settlement[] = []
  /** Settlements that wait for a confirmation. */
  readonly #writing = new Set<Promise<unknown>>()
  /** Messages taken from the server whose records are being read. */
  #reading = 0
  #window = 0
  #stopped = false
  #closed = false
  #restoring = false
  /** Acknowledging it again changes nothing, and a request for more that comes with it stands behind all acks before. */
  #lastAck: string | undefined
  #timer: Timer | undefined
  readonly #unlisten: () => void

  constructor(options: EventSubscriptionOptions) {
    this.#o = options
    const { api, names, spec, place, mode } = options
    this.#pattern = isPattern(spec.topic)
    this.#inbox =
      spec.group === undefined
        ? ''
        : this.#pattern
          ? names.patternInbox(place.stream)
          : names.inboxSubject(spec.topic, spec.group)
    this.#records = new AttemptRecords(api, names, place.consumer)
    const dead = spec.group === undefined ? undefined : names.deadSubject(spec.topic, spec.group)
    this.#settling = new Settling(api, this.#records, dead, mode)
    this.#gate = spec.ordering === 'key' ? new KeyGate(options.ackWait) : undefined
    this.#turn =
      this.#gate === undefined || spec.group === undefined
        ? undefined
        : new SingleActive({
            api,
            names,
            consumer: place.consumer,
            validity: options.ackWait,
            begin: () => this.#begin(),
            lost: () => this.#loseAll(),
          })
    this.#held = new InHand({
      clock: api.link.clock,
      ackWait: options.ackWait,
      extend: delivery => {
        if (api.link.state !== 'live') return false
        this.#settling.extend(delivery)
        return true
      },
      onLost: deliveries => {
        this.#tell(sink => sink.lost({ deliveries }))
        this.#pump()
      },
    })
    this.#pulls = new Pulls(api.link, place, options.inboxPrefix, {
      message: message => this.#received(message),
      idle: () => {
        this.#pump()
        this.#yield()
      },
      broken: (status, description) => this.#broken(status, description),
    })
    this.#sink = options.sink(this)
    this.#unlisten = api.link.listen({ down: cause => this.#down(cause), up: () => this.#up() })
    this.#tell(sink => sink.state('live'))
  }

  window(size: number): void {
    if (this.#stopped) return
    this.#window = Math.max(0, Math.min(size, this.#o.spec.maxWindow))
    if (this.#window > 0) this.#turn?.want()
    if (this.#pulls.outstanding + this.#used > this.#window) void this.#pulls.cancel()
    this.#pump()
    this.#yield()
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
      if (!this.#held.has(delivery)) {
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
    this.#yield()
  }

  async mark(deliveries: readonly Delivery[]): Promise<void> {
    const ours = deliveries as readonly NatsDelivery[]
    const missing = ours.filter(d => !this.#held.has(d))
    if (missing.length > 0)
      throw new BusError('LEASE_LOST', `${missing.length} of ${ours.length} deliveries are no longer ours`)
    await Promise.all(ours.map(delivery => this.#settling.mark(delivery)))
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
    this.#timer?.cancel()
    this.#unlisten()
    this.#pulls.reset()
    const { link } = this.#o.api
    if (link.state === 'live') {
      for (const delivery of this.#held) this.#settling.release(delivery)
      const goodbye =
        this.#o.spec.group === undefined
          ? this.#o.onClosed()
          : Promise.all([this.#turn?.close(), link.flush(this.#o.api.timeout)])
      await Promise.race([goodbye.catch(() => {}), settled(limit.signal)])
    } else void this.#turn?.close()
    if (this.#o.spec.group !== undefined) await this.#o.onClosed()
    this.#held.clear()
  }

  get #now(): number {
    return this.#o.api.link.clock.now()
  }

  get #used(): number {
    return this.#held.size + this.#reading
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
      this.#settling.forget(delivery)
    }
  }

  /** How many to ask for now. */
  #room(): number {
    if (
      this.#turn?.active === false ||
      this.#stopped ||
      this.#restoring ||
      this.#pulls.busy ||
      this.#o.api.link.state !== 'live'
    )
      return 0
    const free = this.#window - this.#used - this.#pulls.outstanding
    // A pull for each ack would cost as much as the message: wait for a quarter of the window, unless nothing is asked for.
    return free <= 0 || (this.#pulls.outstanding > 0 && free < this.#window >> 2) ? 0 : free
  }

  /** A member that is paused, and has nothing in hand, leaves its turn to others. */
  #yield(): void {
    if (this.#turn === undefined || this.#window > 0 || this.#used > 0 || this.#pulls.outstanding > 0) return
    void this.#turn.yield()
  }

  /** What earlier members have sent back must not be overtaken by what comes first. */
  async #begin(): Promise<void> {
    const now = this.#now
    this.#gate?.clear()
    for (const [sequence, { lane, notBefore }] of await this.#records.all()) {
      if (lane !== undefined) this.#gate?.expect(lane, sequence, notBefore ?? now)
    }
    this.#pump()
  }

  #loseAll(): void {
    void this.#pulls.cancel()
    this.#held.clear()
    if (!this.#closed) this.#tell(sink => sink.lost('all'))
  }

  #received(message: Msg): void {
    const ackSubject = message.reply ?? ''
    const { delivered, streamSequence } = deliveryInfo(ackSubject)
    // What came although there is no room (the window was made smaller), or after the end.
    if (this.#closed || this.#stopped || this.#used >= this.#window) {
      if (this.#o.api.link.state === 'live') this.#return({ ackSubject, streamSequence, delivered })
      return
    }
    const now = this.#now
    const handOver = {
      ackSubject,
      delivered,
      streamSequence,
      leaseUntil: now + this.#o.spec.lease,
      aliveUntil: now + aliveFor(this.#o.ackWait),
    }
    if (delivered === 1 || this.#o.spec.group === undefined) {
      this.#arrive(message, { ...handOver, stored: undefined })
      this.#pump()
      return
    }
    this.#reading++
    this.#records
      .read(streamSequence)
      .then(stored => {
        this.#reading--
        if (this.#closed) return
        if (this.#stopped) this.#return({ ackSubject, streamSequence, delivered, stored })
        else this.#arrive(message, { ...handOver, stored })
      })
      .catch(error => {
        // Without its record it must not be handled: its attempts would begin anew.
        this.#reading--
        if (!this.#closed && this.#o.api.link.state === 'live') {
          this.#settling.giveBack({ ackSubject }, 1_000)
          this.#o.onError(error, `subscription ${this.#o.spec.topic}`)
        }
      })
      .finally(() => this.#pump())
  }

  #arrive(message: Msg, handOver: HandOver): void {
    const inbox = message.subject === this.#inbox
    const topic = this.#topicOf(message.subject, inbox)
    if (topic === undefined) {
      // Another group's redrive: all of them share the topic's stream.
      this.#o.api.link.publish(handOver.ackSubject, '+ACK')
      this.#pump()
      return
    }
    const delivery = readDelivery(message, handOver, topic, inbox && this.#pattern)
    const { notBefore } = delivery
    const now = this.#now
    if (notBefore !== undefined && notBefore - now > NEARLY_DUE) {
      this.#return(handOver, notBefore - now)
      this.#pump()
      return
    }
    if (this.#gate !== undefined) {
      const lane = gateKey(delivery)
      delivery.gate = lane
      const until = this.#gate.arrive(lane, handOver.streamSequence, now)
      if (until !== undefined) {
        this.#return({ ...handOver, lane }, until - now)
        this.#pump()
        return
      }
    }
    this.#held.add(delivery)
    this.#tell(sink => sink.deliver([delivery]))
  }

  #topicOf(subject: string, inbox: boolean): string | undefined {
    const { topic } = this.#o.spec
    if (inbox) return topic
    if (this.#pattern) {
      const own = this.#o.names.topicOf(subject)
      return own === undefined || subject.startsWith(this.#o.names.inboxBase(own)) ? undefined : own
    }
    return subject.startsWith(this.#o.names.inboxBase(topic)) ? undefined : topic
  }

  /** Gives back what core does not get. Noted, so that it is not taken for the trace of a crash; unless a record may exist that was not read. */
  #return(
    message: {
      ackSubject: string
      streamSequence: number
      delivered: number
      stored?: StoredRecord | undefined
      lane?: string
    },
    delay = 0,
  ): void {
    const { streamSequence, delivered, stored, lane } = message
    if (this.#o.spec.group !== undefined && (delivered === 1 || stored !== undefined)) {
      const record = stored?.record
      const redeliveries = redeliveriesOf(delivered, record)
      this.#records.note(streamSequence, {
        failures: 0,
        marks: 0,
        ...record,
        delivered,
        redeliveries,
        ...(lane === undefined ? {} : { lane }),
      })
    }
    this.#settling.giveBack(message, delay)
  }

  #finished(delivery: NatsDelivery): void {
    this.#held.delete(delivery)
    this.#gate?.done(gateKey(delivery), delivery.streamSequence)
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
    if (this.#closed || this.#restoring) return
    this.#tell(sink => sink.state('reconnecting', new Error(`${status} ${description}`)))
    this.#restore()
  }

  #restore(): void {
    if (this.#restoring) return
    this.#restoring = true
    this.#lastAck = undefined
    this.#o
      .restore()
      .then(() => this.#returned())
      .then(
        () => {
          this.#restoring = false
          if (!this.#closed) this.#tell(sink => sink.state('live'))
          this.#pump()
        },
        error => {
          this.#restoring = false
          if (this.#closed || this.#o.api.link.state !== 'live') return
          if (error instanceof BusError && !error.retryable) this.#tell(sink => sink.state('failed', error))
          else this.#timer = this.#o.api.link.clock.setTimer(500, () => this.#restore())
        },
      )
  }

  /** On ordered topics, what was on its way when the link went is waited for: what follows it must not come first. */
  #returned(): Promise<void> | undefined {
    if (this.#gate === undefined) return undefined
    return new Promise(resolve => {
      this.#o.api.link.clock.setTimer(this.#o.ackWait * 1.1, resolve)
    })
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

const settled = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

function abort(signal: AbortSignal, why: string): Promise<never> {
  const aborted = settled(signal).then((): never => {
    throw new BusError('ABORTED', why)
  })
  aborted.catch(() => {})
  return aborted
}
