import type { Timer } from '@busbar/core/time'
import type { Msg } from '@nats-io/nats-core'
import type { JetStreamApi } from '../../link/api.ts'
import { readHeaders } from '../../wire/headers.ts'
import type { NatsDelivery } from '../nats-delivery.ts'
import { gateKey, readDelivery, type StreamMessage } from '../read-delivery.ts'
import type { AttemptRecords, StoredRecord } from '../records.ts'
import { KeyQueues, type Waiting } from './key-queues.ts'
import type { LaneClaim } from './lane-claim.ts'
import { LaneReader } from './lane-reader.ts'
import type { StoredMessages } from './stored-messages.ts'

/** Those behind a key that waits: with more of them its lane waits too, and costs no more memory. */
const MOST_WAITING = 1_000
/** A message due within this many milliseconds is handed over: core waits for the rest. */
const NEARLY_DUE = 20
const TRY_AGAIN = 500

export interface OwnedLaneOptions {
  readonly api: JetStreamApi
  readonly claim: LaneClaim
  readonly stream: string
  readonly messages: StoredMessages
  readonly records: AttemptRecords
  readonly topic: string
  readonly lease: number
  readonly inboxPrefix: string
  /** Messages to read before core has room for them. */
  readonly readAhead: number
  /** Something may be handed over. */
  readonly ready: () => void
  readonly failed: (error: unknown) => void
}

/** The messages of a lane that is ours: what is read, what waits, and what core has. */
export class OwnedLane {
  readonly claim: LaneClaim
  /** Being handed to another member: nothing more goes out. */
  leaving = false
  readonly #o: OwnedLaneOptions
  readonly #reader: LaneReader
  readonly #keys = new KeyQueues()
  readonly #held = new Set<NatsDelivery>()
  readonly #redriven = new Set<number>()
  #read: { readonly message: Msg; readonly sequence: number }[] = []
  #fetched: NatsDelivery[] = []
  #fetching = 0
  #redrivesFrom = 1
  #looking: Promise<void> | undefined
  #due: Timer | undefined

  constructor(options: OwnedLaneOptions) {
    this.#o = options
    this.claim = options.claim
    this.claim.ahead = () => this.#read.length
    this.#reader = new LaneReader({
      ...options,
      lane: options.claim.lane,
      message: (message, sequence) => {
        this.#read.push({ message, sequence })
        options.ready()
      },
      room: () =>
        this.leaving || this.#keys.size >= MOST_WAITING ? 0 : options.readAhead - this.#read.length,
    })
  }

  get heldCount(): number {
    return this.#held.size
  }

  has(delivery: NatsDelivery): boolean {
    return this.claim.active && this.#held.has(delivery)
  }

  /** What earlier owners left unsettled comes before anything that is read. */
  async begin(): Promise<void> {
    const { messages, records } = this.#o
    await Promise.all(
      [...this.claim.open].map(async sequence => {
        const [found, stored] = await Promise.all([messages.at(sequence), records.read(sequence)])
        if (found === undefined) this.claim.open.delete(sequence)
        else this.#wait(this.#delivery(found, sequence, stored), stored)
      }),
    )
    await this.lookForRedrives()
    await this.#reader.start(this.claim.top)
    this.#wake()
  }

  /** After a reconnect. */
  resume(): void {
    void this.#reader.restart()
    void this.lookForRedrives().catch(this.#o.failed)
    this.claim.moved()
    this.#wake()
  }

  suspend(): void {
    this.#reader.reset()
  }

  /** The next one for core; undefined: none now. */
  next(): NatsDelivery | undefined {
    if (this.leaving || !this.claim.active) return undefined
    const fetched = this.#fetched.shift()
    if (fetched !== undefined) return this.#handOver(fetched)
    const soon = this.#now + NEARLY_DUE
    for (;;) {
      if (this.#keys.size >= MOST_WAITING) return undefined
      const next = this.#read.shift()
      if (next === undefined) return undefined
      const { message, sequence } = next
      this.#reader.pump()
      const found = { headers: readHeaders(message), body: message.data }
      const delivery = this.#delivery(found, sequence, undefined)
      this.claim.top = Math.max(this.claim.top, sequence)
      // What a crashed member had may have a record, which is read first.
      const unsure = this.claim.crashesOf(sequence, false) > 0
      if (!unsure && !this.#keys.blocks(gateKey(delivery)) && (delivery.notBefore ?? 0) <= soon) {
        this.#keys.goesOut(gateKey(delivery), sequence)
        return this.#handOver(delivery)
      }
      this.claim.open.add(sequence)
      this.#wait(delivery, undefined)
      this.claim.moved()
      this.#wake()
    }
  }

  finished(delivery: NatsDelivery): void {
    const { streamSequence: sequence } = delivery
    this.#held.delete(delivery)
    this.claim.open.delete(sequence)
    this.#keys.isBack(gateKey(delivery), sequence)
    // A redrive is this group's alone: nobody else needs it.
    if (this.#redriven.delete(sequence)) this.#o.messages.remove(sequence).catch(() => {})
    this.claim.moved()
    this.#wake()
  }

  /** It comes again, before those of its key behind it. */
  goneBack(delivery: NatsDelivery, notBefore: number, stored: StoredRecord | undefined): void {
    const key = gateKey(delivery)
    const { streamSequence: sequence } = delivery
    this.#held.delete(delivery)
    this.#keys.park({ sequence, key, notBefore, stored })
    this.#keys.isBack(key, sequence)
    this.#wake()
  }

  lookForRedrives(): Promise<void> {
    this.#looking ??= this.#findRedrives().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** No more messages; what core has can still be settled. */
  stop(): void {
    this.leaving = true
    this.#reader.stop()
    this.#due?.cancel()
  }

  async giveUp(): Promise<void> {
    this.stop()
    await this.claim.giveUp()
  }

  get #now(): number {
    return this.#o.api.link.clock.now()
  }

  async #findRedrives(): Promise<void> {
    const { inbox } = this.claim.lane
    if (inbox === undefined) return
    for (;;) {
      const found = await this.#o.messages.next(inbox, this.#redrivesFrom)
      if (found === undefined) return
      const { sequence } = found
      this.#redrivesFrom = sequence + 1
      const known = this.claim.open.has(sequence)
      this.#redriven.add(sequence)
      this.claim.open.add(sequence)
      if (known) continue
      const stored = await this.#o.records.read(sequence)
      this.#wait(this.#delivery(found, sequence, stored), stored)
      this.#wake()
    }
  }

  #delivery(message: StreamMessage, sequence: number, stored: StoredRecord | undefined): NatsDelivery {
    const { claim, topic, lease } = this.#o
    const crashes = claim.crashesOf(sequence, this.#redriven.has(sequence))
    const record = stored?.record
    const handOver = {
      ackSubject: '',
      streamSequence: sequence,
      delivered: crashes,
      redeliveries: (record?.redeliveries ?? 0) + Math.max(0, crashes - (record?.delivered ?? 0)),
      lane: claim.lane.id,
      leaseUntil: this.#now + lease,
      aliveUntil: Number.POSITIVE_INFINITY,
      stored,
    }
    return readDelivery(message, handOver, topic, false)
  }

  #handOver(delivery: NatsDelivery): NatsDelivery {
    this.claim.open.add(delivery.streamSequence)
    this.claim.moved()
    this.#held.add(delivery)
    return delivery
  }

  #wait(delivery: NatsDelivery, stored: StoredRecord | undefined): void {
    const { streamSequence: sequence, notBefore = 0, failures } = delivery
    // A publish that is delayed holds up nobody: it takes its place in its key when it is due.
    const key = notBefore > this.#now && failures === 0 ? `delayed ${sequence}` : gateKey(delivery)
    this.#keys.park({ sequence, key, notBefore, stored })
  }

  /** Fetches those that may go out. Their bodies are not kept: they may wait for long. */
  #wake(): void {
    if (this.leaving) return
    while (this.#fetching + this.#fetched.length < this.#o.readAhead) {
      const waiting = this.#keys.take(this.#now + NEARLY_DUE)
      if (waiting === undefined) break
      this.#fetching++
      this.#fetch(waiting)
        .catch(() => {
          this.#keys.park(waiting)
          this.#keys.isBack(waiting.key, waiting.sequence)
          this.#wakeIn(TRY_AGAIN)
        })
        .finally(() => {
          this.#fetching--
          this.#o.ready()
          this.#reader.pump()
        })
    }
    const due = this.#keys.nextDue()
    if (due !== undefined) this.#wakeIn(due - NEARLY_DUE - this.#now)
  }

  #wakeIn(milliseconds: number): void {
    this.#due?.cancel()
    this.#due = this.#o.api.link.clock.setTimer(Math.max(1, milliseconds), () => this.#wake(), {
      keepAlive: true,
    })
  }

  async #fetch(waiting: Waiting): Promise<void> {
    const { messages, records } = this.#o
    const { sequence, key } = waiting
    const unsure =
      waiting.stored === undefined && this.claim.crashesOf(sequence, this.#redriven.has(sequence)) > 0
    const [found, stored] = await Promise.all([
      messages.at(sequence),
      unsure ? records.read(sequence) : waiting.stored,
    ])
    if (found === undefined) {
      this.claim.open.delete(sequence)
      this.#keys.isBack(key, sequence)
      this.claim.moved()
      this.#wake()
      return
    }
    const delivery = this.#delivery(found, sequence, stored)
    const own = gateKey(delivery)
    const notBefore = delivery.notBefore ?? 0
    // Its record says that it must wait, or others of its key wait: it takes its place among them.
    if (notBefore - this.#now > NEARLY_DUE || (own !== key && this.#keys.blocks(own))) {
      this.#keys.park({ sequence, key: own, notBefore, stored })
      this.#keys.isBack(key, sequence)
      this.#wake()
      return
    }
    if (own !== key) {
      this.#keys.isBack(key, sequence)
      this.#keys.goesOut(own, sequence)
    }
    this.#keys.came(own)
    this.#fetched.push(delivery)
  }
}
