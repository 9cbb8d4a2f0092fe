import {
  BusError,
  type Delivery,
  type Settlement,
  type SettlementResult,
  type Sink,
  type Subscription,
} from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import type { Subscription as CoreSubscription } from '@nats-io/nats-core'
import { type Limit, settled } from '../limit.ts'
import type { NatsDelivery } from '../nats-delivery.ts'
import { AttemptRecords } from '../records.ts'
import type { SubscriptionOptions } from '../subscription-options.ts'
import { DONE, LOST, Verdicts } from '../verdicts.ts'
import type { Lane } from './lane.ts'
import type { LaneClaim } from './lane-claim.ts'
import { LaneOwner } from './lane-owner.ts'
import { OwnedLane } from './owned-lane.ts'
import { StoredMessages } from './stored-messages.ts'

/** One member of an ordered group: reads the lanes that are its share. */
export class OrderedSubscription implements Subscription {
  readonly #o: SubscriptionOptions
  readonly #sink: Sink
  readonly #verdicts: Verdicts
  readonly #records: AttemptRecords
  readonly #messages: StoredMessages
  readonly #owner: LaneOwner
  readonly #lanes = new Map<string, OwnedLane>()
  readonly #redrives: CoreSubscription
  readonly #writing = new Set<Promise<unknown>>()
  readonly #unlisten: () => void
  /** Wake those that wait for core to have less. */
  #waiters: (() => void)[] = []
  #window = 0
  #held = 0
  #turn = 0
  #stopped = false
  #closed = false
  #timer: Timer | undefined

  constructor(options: SubscriptionOptions, group: string, lanes: readonly Lane[]) {
    this.#o = options
    const { api, names, spec, place, mode, ackWait } = options
    this.#records = new AttemptRecords(api, names, place.consumer)
    this.#messages = new StoredMessages(api, place.stream)
    const deadSubject = names.deadSubject(spec.topic, group)
    this.#verdicts = new Verdicts({ api, records: this.#records, deadSubject, mode })
    this.#owner = new LaneOwner({
      api,
      names,
      place,
      lanes,
      validity: ackWait,
      gained: claim => this.#gained(claim, lanes.length),
      leaving: lane => this.#leave(lane),
      giveUp: async lane => {
        const owned = this.#lanes.get(lane)
        this.#lanes.delete(lane)
        await owned?.giveUp()
      },
      lost: lane => this.#lost(lane),
      onError: error => options.onError(error, `subscription ${spec.topic}`),
    })
    // Only a hint: what it does not tell of is found when lanes are looked at.
    this.#redrives = api.link.subscribe(names.laneInboxes(spec.topic, group), () => this.#lookForRedrives())
    this.#sink = options.sink(this)
    this.#unlisten = api.link.listen({ down: cause => this.#down(cause), up: () => this.#restore() })
    this.#tell(sink => sink.state('live'))
    this.#lookRegularly()
  }

  window(size: number): void {
    if (this.#stopped) return
    this.#window = Math.max(0, Math.min(size, this.#o.spec.maxWindow))
    if (this.#window > 0) this.#owner.join()
    this.#pump()
    this.#yield()
  }

  settle(batch: readonly Settlement[]): void {
    if (this.#closed) return
    const done: Settlement[] = []
    const lost: Settlement[] = []
    for (const settlement of batch) {
      const delivery = settlement.delivery as NatsDelivery
      const lane = this.#lanes.get(delivery.lane)
      if (lane === undefined || !lane.has(delivery)) lost.push(settlement)
      else if (settlement.kind === 'ack') {
        this.#finished(lane, delivery)
        done.push(settlement)
      } else if (settlement.kind === 'release') {
        this.#released(lane, delivery)
        done.push(settlement)
      } else this.#write(settlement, delivery, lane)
    }
    if (done.length > 0) this.#report(done, DONE)
    if (lost.length > 0) this.#report(lost, LOST)
    this.#changed()
  }

  async mark(deliveries: readonly Delivery[]): Promise<void> {
    const missing = deliveries.filter(delivery => !this.#has(delivery))
    if (missing.length > 0)
      throw new BusError('LEASE_LOST', `${missing.length} of ${deliveries.length} deliveries are not ours`)
    await Promise.all((deliveries as readonly NatsDelivery[]).map(delivery => this.#verdicts.mark(delivery)))
  }

  /** The lease is the lane's: its claim is renewed as long as the process lives. */
  async extend(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    return deliveries.filter(delivery => !this.#has(delivery))
  }

  async flush({ signal }: Limit): Promise<void> {
    const aborted = settled(signal).then((): never => {
      throw new BusError('ABORTED', 'flush was aborted before all positions were stored')
    })
    aborted.catch(() => {})
    while (this.#writing.size > 0) await Promise.race([Promise.allSettled(this.#writing), aborted])
    await Promise.race([Promise.all([...this.#lanes.values()].map(({ claim }) => claim.flush())), aborted])
  }

  async stop(): Promise<void> {
    this.#window = 0
    this.#stopped = true
    for (const lane of this.#lanes.values()) lane.stop()
  }

  async close({ signal }: Limit): Promise<void> {
    if (this.#closed) return
    await this.stop()
    this.#closed = true
    this.#timer?.cancel()
    this.#unlisten()
    try {
      this.#redrives.unsubscribe()
    } catch {
      // The connection is closed: nothing is subscribed any more.
    }
    const lanes = [...this.#lanes.values()]
    const { link, timeout } = this.#o.api
    const goodbye = this.#owner.leave().then(() => link.flush(timeout))
    goodbye.catch(() => {})
    if (link.state === 'live') await Promise.race([goodbye.catch(() => {}), settled(signal)])
    for (const { claim } of lanes) claim.drop()
    this.#changed()
  }

  #has(delivery: Delivery): boolean {
    return this.#lanes.get(delivery.lane)?.has(delivery as NatsDelivery) === true
  }

  async #gained(claim: LaneClaim, lanes: number): Promise<void> {
    const { api, spec, place, inboxPrefix } = this.#o
    const lane = new OwnedLane({
      api,
      claim,
      stream: place.stream,
      messages: this.#messages,
      records: this.#records,
      topic: spec.topic,
      lease: spec.lease,
      inboxPrefix,
      readAhead: Math.max(4, Math.min(256, Math.ceil((2 * spec.maxWindow) / lanes))),
      ready: () => this.#pump(),
      failed: error => this.#restoreAfter(error),
    })
    this.#lanes.set(claim.lane.id, lane)
    await lane.begin()
    this.#pump()
  }

  async #leave(id: string): Promise<void> {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return
    lane.leaving = true
    const { signal } = new AbortController()
    // It stays ours, and its claim renewed, until the last handler has ended: nothing has to be cut short.
    await this.#sink.revoking([id], { signal })
    while (lane.heldCount > 0 && lane.claim.active && !this.#closed)
      await new Promise<void>(resolve => this.#waiters.push(resolve))
  }

  #lost(id: string): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return
    this.#lanes.delete(id)
    lane.stop()
    this.#held -= lane.heldCount
    if (!this.#closed) this.#tell(sink => sink.lost({ lane: id }))
    this.#changed()
  }

  /** One from each lane in turn, so that a busy one leaves room for the others. */
  #pump(): void {
    if (this.#stopped || this.#held >= this.#window) return
    const lanes = [...this.#lanes.values()]
    const batch: NatsDelivery[] = []
    for (let idle = 0; idle < lanes.length && this.#held < this.#window; ) {
      const delivery = lanes[this.#turn++ % lanes.length]?.next()
      if (delivery === undefined) idle++
      else {
        idle = 0
        this.#held++
        batch.push(delivery)
      }
    }
    if (batch.length > 0) this.#tell(sink => sink.deliver(batch))
  }

  /** A member that is paused, and has nothing in hand, leaves its lanes to others. */
  #yield(): void {
    if (this.#window === 0 && this.#held === 0 && !this.#stopped) void this.#owner.leave()
  }

  #changed(): void {
    for (const wake of this.#waiters.splice(0)) wake()
    this.#pump()
    this.#yield()
  }

  #finished(lane: OwnedLane, delivery: NatsDelivery): void {
    this.#held--
    lane.finished(delivery)
    this.#verdicts.forget(delivery)
  }

  #released(lane: OwnedLane, delivery: NatsDelivery): void {
    this.#held--
    const { stored } = delivery
    const kept =
      stored === undefined || !delivery.marked
        ? stored
        : { sequence: stored.sequence, record: this.#verdicts.released(delivery) }
    lane.goneBack(delivery, stored?.record.notBefore ?? 0, kept)
  }

  #write(settlement: Written, delivery: NatsDelivery, lane: OwnedLane): void {
    const work = this.#perform(settlement, delivery).then(result => {
      this.#writing.delete(work)
      if (result.status === 'done' && lane.has(delivery)) {
        if (settlement.kind === 'dead') this.#finished(lane, delivery)
        else {
          this.#held--
          lane.goneBack(delivery, settlement.notBefore, delivery.stored)
        }
      }
      if (!this.#closed) this.#report([settlement], result)
      this.#changed()
    })
    this.#writing.add(work)
  }

  #perform(settlement: Written, delivery: NatsDelivery): Promise<SettlementResult> {
    return settlement.kind === 'retry'
      ? this.#verdicts.retry(delivery, settlement)
      : this.#verdicts.dead(delivery, settlement.meta)
  }

  #lookForRedrives(): void {
    for (const lane of this.#lanes.values()) if (!lane.leaving) lane.lookForRedrives().catch(() => {})
  }

  #lookRegularly(): void {
    this.#timer = this.#o.api.link.clock.setTimer(this.#o.ackWait / 4, () => {
      if (this.#closed) return
      if (this.#o.api.link.state === 'live') this.#lookForRedrives()
      this.#lookRegularly()
    })
  }

  #down(cause: unknown): void {
    for (const lane of this.#lanes.values()) lane.suspend()
    if (!this.#closed) this.#tell(sink => sink.state('reconnecting', cause))
  }

  #restoring = false

  /** What core holds stays ours as long as the claims last: reading goes on behind what was read. */
  #restore(): void {
    if (this.#restoring || this.#closed) return
    this.#restoring = true
    this.#o.restore().then(
      () => {
        this.#restoring = false
        if (this.#closed) return
        for (const lane of this.#lanes.values()) if (lane.claim.active && !lane.leaving) lane.resume()
        this.#owner.again()
        this.#tell(sink => sink.state('live'))
        this.#pump()
      },
      error => {
        this.#restoring = false
        if (this.#closed || this.#o.api.link.state !== 'live') return
        if (error instanceof BusError && !error.retryable) this.#tell(sink => sink.state('failed', error))
        else this.#o.api.link.clock.setTimer(500, () => this.#restore())
      },
    )
  }

  #restoreAfter(error: unknown): void {
    if (this.#closed || this.#o.api.link.state !== 'live') return
    this.#tell(sink => sink.state('reconnecting', error))
    this.#restore()
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
