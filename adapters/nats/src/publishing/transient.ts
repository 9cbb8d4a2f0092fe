import { BusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import type { Msg } from '@nats-io/nats-core'
import { connectionLost } from '../errors.ts'
import type { Link } from '../link/link.ts'
import { statusOf } from '../wire/headers.ts'
import type { WireMessage } from '../wire/outgoing.ts'
import { CONFIRMED, failedBy } from './results.ts'

type Done = (result: PublishResult) => void

interface Sending {
  readonly message: Outgoing
  readonly subject: string
  readonly wire: WireMessage
  readonly done: Done
}

/** A request without an answer of any kind. */
interface Open {
  readonly number: number
  readonly topic: string
  readonly done: Done
}

/**
 * Sends requests and replies, which are not stored: those of one turn of the event loop in one write. A reply is done when the
 * connection has it. A request waits for the server's word that nobody responds, which comes before the answer to a ping behind
 * it. One ping is on its way at a time: the next is for all that was sent meanwhile.
 */
export class TransientSender {
  readonly #link: Link
  /** By their tokens, in the order they were sent. */
  readonly #open = new Map<string, Open>()
  #sending: Sending[] = []
  #sent = 0
  #scheduled = false
  #pinging = false

  constructor(link: Link) {
    this.#link = link
    link.listen({ down: cause => this.#lost(cause), up() {} })
  }

  /** @param subject of the request or the reply. */
  send(message: Outgoing, subject: string, wire: WireMessage, done: Done): void {
    this.#sending.push({ message, subject, wire, done })
    this.#schedule()
  }

  /** Behind the promises of this turn, which make more of them, and still before the next turn. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    const sending = this.#sending
    this.#sending = []
    for (const each of sending) {
      try {
        this.#send(each)
      } catch (error) {
        each.done(failedBy(error))
      }
    }
    this.#confirm()
  }

  #send({ message: { to, replyTo }, subject, wire: { headers, body }, done }: Sending): void {
    const link = this.#link
    if (link.state !== 'live') throw connectionLost()
    if (replyTo === undefined) {
      link.publish(subject, body, { headers })
      done(CONFIRMED)
      return
    }
    const number = ++this.#sent
    const token = number.toString(36)
    link.publish(subject, body, { headers, reply: `${replyTo}.${token}` })
    this.#open.set(token, { number, topic: 'topic' in to ? to.topic : '', done })
  }

  /** Has the server say that it has read what was sent, unless nothing waits for that. */
  #confirm(): void {
    if (this.#pinging || this.#open.size === 0) return
    this.#pinging = true
    const last = this.#sent
    const end = () => {
      this.#pinging = false
      this.#schedule()
    }
    this.#link.ping().then(
      () => {
        this.#read(last)
        end()
      },
      cause => {
        this.#lost(cause)
        end()
      },
    )
  }

  /** A message on a reply inbox; whether it only said that nobody responds. */
  answered(message: Msg): boolean {
    const { subject } = message
    const token = subject.slice(subject.lastIndexOf('.') + 1)
    const request = this.#open.get(token)
    const refused = statusOf(message) === 503
    if (request !== undefined) {
      this.#open.delete(token)
      request.done(refused ? { status: 'failed', error: noResponder(request.topic) } : CONFIRMED)
    }
    return refused
  }

  #read(last: number): void {
    for (const [token, { number, done }] of this.#open) {
      if (number > last) return
      this.#open.delete(token)
      done(CONFIRMED)
    }
  }

  #lost(cause: unknown): void {
    const lost = [...this.#open.values()]
    this.#open.clear()
    for (const { done } of lost) done({ status: 'unknown', cause: connectionLost(cause) })
  }
}

export const noResponder = (topic: string): BusError =>
  new BusError('NO_RESPONDER', `nobody responds on "${topic}"`, {
    retryable: true,
    remedy: 'start a responder, or check topic and prefix on both sides',
  })
