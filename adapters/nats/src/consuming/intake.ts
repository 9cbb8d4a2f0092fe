import { isPattern } from '@busbar/core/adapter'
import type { Msg } from '@nats-io/nats-core'
import { deliveryInfo } from '../wire/ack-subject.ts'
import { readHeaders } from '../wire/headers.ts'
import { aliveFor } from './in-hand.ts'
import type { KeyGate } from './key-gate.ts'
import type { NatsDelivery } from './nats-delivery.ts'
import { gateKey, readDelivery, redeliveriesOf } from './read-delivery.ts'
import type { AttemptRecords, StoredRecord } from './records.ts'
import type { Settling } from './settling.ts'
import type { SubscriptionOptions } from './subscription-options.ts'

/** A message due within this many milliseconds is handed over: core waits for the rest. */
const NEARLY_DUE = 20
/** What cannot be read now comes again after so many milliseconds. */
const LATER = 1_000
const MOST_SUBJECTS = 10_000

/** A message as its ack subject describes it. */
interface Arrival {
  readonly message: Msg
  readonly ackSubject: string
  readonly delivered: number
  readonly streamSequence: number
}

export interface IntakeOptions {
  readonly records: AttemptRecords
  readonly settling: Settling
  readonly gate: KeyGate | undefined
  /** Whether there is room for one more. */
  readonly open: () => boolean
  /** For core: what came in one turn of the event loop, which may be nothing. */
  readonly deliver: (deliveries: readonly NatsDelivery[]) => void
}

/** What comes in one turn of the event loop: most of it is one read of the socket's. */
interface Turn {
  readonly now: number
  readonly deliveries: NatsDelivery[]
}

/** Makes deliveries of messages: finds what is known of them, and sends back what must not go to core now. */
export class Intake {
  /** The consumer's count of the last one that came. */
  lastCount = 0
  closed = false
  readonly #s: SubscriptionOptions
  readonly #o: IntakeOptions
  readonly #pattern: boolean
  readonly #inbox: string
  /** Messages taken from the server whose records are being read. */
  #reading = 0
  #turn: Turn | undefined
  /** Topics of subjects, as they were worked out: a subscription sees few of them. */
  readonly #topics = new Map<string, string | undefined>()

  constructor(subscription: SubscriptionOptions, options: IntakeOptions) {
    this.#s = subscription
    this.#o = options
    const { names, spec, place } = subscription
    this.#pattern = isPattern(spec.topic)
    this.#inbox =
      spec.group === undefined
        ? ''
        : this.#pattern
          ? names.patternInbox(place.stream)
          : names.inboxSubject(spec.topic, spec.group)
  }

  /** Messages taken from the server that core does not have yet. */
  get pending(): number {
    return this.#reading + (this.#turn?.deliveries.length ?? 0)
  }

  received(message: Msg): void {
    const ackSubject = message.reply ?? ''
    const { delivered, streamSequence, consumerSequence } = deliveryInfo(ackSubject)
    const arrival = { message, ackSubject, delivered, streamSequence }
    if (consumerSequence > this.lastCount) this.lastCount = consumerSequence
    // What came although there is no room (the window was made smaller), or after the end.
    if (!this.#o.open()) {
      if (this.#s.api.link.state === 'live') this.#return(arrival, undefined)
      return
    }
    if (delivered === 1 || this.#s.spec.group === undefined) this.#arrive(arrival, undefined)
    else this.#readRecord(arrival)
  }

  /** This turn, which ends with what came being handed over. */
  #thisTurn(): Turn {
    if (this.#turn !== undefined) return this.#turn
    const turn: Turn = { now: this.#s.api.link.clock.now(), deliveries: [] }
    this.#turn = turn
    queueMicrotask(() => {
      this.#turn = undefined
      this.#o.deliver(turn.deliveries)
    })
    return turn
  }

  #readRecord(arrival: Arrival): void {
    const { api, spec, onError } = this.#s
    this.#reading++
    this.#o.records
      .read(arrival.streamSequence)
      .then(stored => {
        this.#reading--
        if (this.closed) return
        if (this.#o.open()) this.#arrive(arrival, stored)
        else this.#return(arrival, stored)
      })
      .catch(error => {
        // Without its record it must not be handled: its attempts would begin anew.
        this.#reading--
        if (this.closed || api.link.state !== 'live') return
        this.#o.settling.giveBack(arrival, LATER)
        onError(error, `subscription ${spec.topic}`)
      })
      .finally(() => this.#thisTurn())
  }

  #arrive(arrival: Arrival, stored: StoredRecord | undefined): void {
    const { message, ackSubject, delivered, streamSequence } = arrival
    const { api, spec, ackWait } = this.#s
    const { now, deliveries } = this.#thisTurn()
    const inbox = message.subject === this.#inbox
    const topic = this.#topicOf(message.subject, inbox)
    if (topic === undefined) {
      // Another group's redrive: all of them share the topic's stream.
      api.link.publish(ackSubject, '+ACK')
      return
    }
    const handOver = {
      ackSubject,
      delivered,
      streamSequence,
      redeliveries: redeliveriesOf(delivered, stored?.record),
      lane: message.subject,
      leaseUntil: now + spec.lease,
      aliveUntil: now + aliveFor(ackWait),
      stored,
    }
    const content = { headers: readHeaders(message), body: message.data }
    const delivery = readDelivery(content, handOver, topic, inbox && this.#pattern)
    const { notBefore } = delivery
    if (notBefore !== undefined && notBefore - now > NEARLY_DUE) {
      this.#return(arrival, stored, notBefore - now)
      return
    }
    const { gate } = this.#o
    const until = gate?.arrive(gateKey(delivery), streamSequence, now)
    if (until === undefined) deliveries.push(delivery)
    else this.#return(arrival, stored, until - now)
  }

  #topicOf(subject: string, inbox: boolean): string | undefined {
    const known = this.#topics.get(subject)
    if (known !== undefined) return known
    const topic = this.#findTopic(subject, inbox)
    if (this.#topics.size < MOST_SUBJECTS) this.#topics.set(subject, topic)
    return topic
  }

  #findTopic(subject: string, inbox: boolean): string | undefined {
    const { names, spec } = this.#s
    const { topic } = spec
    if (inbox) return topic
    if (this.#pattern) {
      const own = names.topicOf(subject)
      return own === undefined || subject.startsWith(names.inboxBase(own)) ? undefined : own
    }
    return subject.startsWith(names.inboxBase(topic)) ? undefined : topic
  }

  /** Gives back what core does not get. Noted, so that it is not taken for the trace of a crash; unless a record may exist that was not read. */
  #return(arrival: Arrival, stored: StoredRecord | undefined, delay = 0): void {
    const { streamSequence, delivered } = arrival
    if (this.#s.spec.group !== undefined && (delivered === 1 || stored !== undefined)) {
      const record = stored?.record
      const redeliveries = redeliveriesOf(delivered, record)
      this.#o.records.note(streamSequence, { failures: 0, marks: 0, ...record, delivered, redeliveries })
    }
    this.#o.settling.giveBack(arrival, delay)
  }
}
