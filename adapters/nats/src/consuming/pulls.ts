import type { Timer } from '@busbar/core/time'
import { type Msg, nuid, type Subscription } from '@nats-io/nats-core'
import type { Link } from '../link/link.ts'
import { nanos } from '../topology/config.ts'
import { statusOf } from '../wire/headers.ts'

/** How long one pull waits for messages, in milliseconds. */
const EXPIRES = 20_000
/** Beyond that, an answer is taken for lost. */
const GRACE = 2_000

export interface PullHandler {
  message(message: Msg): void
  /** Pulls have ended; room for others. */
  idle(): void
  /** The consumer does not answer, or is gone. */
  broken(status: number, description: string): void
}

/** Asks one consumer for messages: never for more than there is room, and never with a callback for a timer per message. */
export class Pulls {
  /** Messages asked for and not yet come. */
  outstanding = 0
  readonly #link: Link
  readonly #subject: string
  readonly #inboxPrefix: string
  readonly #handler: PullHandler
  /** Of each pull: what it asked for, until the server says that it is over. */
  #asked = new Map<string, number>()
  #inbox = ''
  #subscription: Subscription | undefined
  #guard: Timer | undefined
  #counter = 0
  #draining: Promise<void> | undefined

  constructor(
    link: Link,
    place: { stream: string; consumer: string },
    inboxPrefix: string,
    handler: PullHandler,
  ) {
    this.#link = link
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${place.stream}.${place.consumer}`
    this.#inboxPrefix = inboxPrefix
    this.#handler = handler
  }

  get busy(): boolean {
    return this.#draining !== undefined
  }

  /** @param ackSubject of a delivery that is acknowledged with it: what it asks for is given after that ack is counted. */
  ask(count: number, ackSubject?: string): void {
    if (this.#subscription === undefined) {
      const inbox = `${this.#inboxPrefix}.${nuid.next()}.`
      this.#inbox = inbox
      this.#subscription = this.#link.subscribe(`${inbox}*`, message => this.#received(message, inbox))
    }
    const reply = this.#inbox + (++this.#counter).toString(36)
    this.#asked.set(reply, count)
    this.outstanding += count
    const request = JSON.stringify({ batch: count, expires: nanos(EXPIRES) })
    if (ackSubject === undefined) this.#link.publish(this.#subject, request, { reply })
    else this.#link.publish(ackSubject, `+NXT ${request}`, { reply })
    this.#watch()
  }

  /** Takes back what was asked for; what is on its way still comes. */
  cancel(): Promise<void> {
    if (this.#draining !== undefined) return this.#draining
    const subscription = this.#subscription
    if (subscription === undefined) return Promise.resolve()
    const over = () => {
      if (this.#draining !== draining) return
      this.#draining = undefined
      this.#clear()
      this.#handler.idle()
    }
    const draining = subscription.drain().then(over, over)
    this.#draining = draining
    return draining
  }

  /** The link is gone, and with it every pull. */
  reset(): void {
    try {
      this.#subscription?.unsubscribe()
    } catch {
      // The connection is closed: nothing is subscribed any more.
    }
    this.#draining = undefined
    this.#clear()
  }

  #clear(): void {
    this.#subscription = undefined
    this.#asked = new Map()
    this.outstanding = 0
    this.#guard?.cancel()
    this.#guard = undefined
  }

  #received(message: Msg, inbox: string): void {
    const status = statusOf(message)
    const current = inbox === this.#inbox && this.#subscription !== undefined
    if (status === 0 || !message.subject.startsWith(inbox)) {
      if (current && this.outstanding > 0) this.outstanding--
      this.#handler.message(message)
      return
    }
    if (!current || status === 100) return
    const asked = this.#asked.get(message.subject) ?? 0
    this.#asked.delete(message.subject)
    const pending = Number(message.headers?.get('Nats-Pending-Messages') || asked)
    this.outstanding = Math.max(0, this.outstanding - pending)
    // What ended normally leaves no entry behind: those of fulfilled pulls go when nothing is outstanding.
    if (this.outstanding === 0) this.#asked.clear()
    if (status === 408 || status === 404) this.#handler.idle()
    else this.#handler.broken(status, message.headers?.description ?? '')
  }

  #watch(): void {
    this.#guard?.cancel()
    this.#guard = this.#link.clock.setTimer(EXPIRES + GRACE, () => {
      if (this.outstanding === 0) return
      this.reset()
      this.#handler.idle()
    })
  }
}
