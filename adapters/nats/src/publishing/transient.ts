import { BusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import type { Msg } from '@nats-io/nats-core'
import { connectionLost } from '../errors.ts'
import type { Link } from '../link/link.ts'
import { statusOf } from '../wire/headers.ts'
import type { WireMessage } from '../wire/outgoing.ts'
import { CONFIRMED, failedBy } from './results.ts'

type Done = (result: PublishResult) => void

interface Sending {
  readonly subject: string
  readonly wire: WireMessage
  /** The reply subject of a request; undefined for a reply. */
  readonly reply: string | undefined
  readonly token: string
  readonly done: Done
}

/**
 * Sends requests and replies, which are not stored. Those of one turn of the event loop go out in one write, with one ping
 * behind them: its answer says that the server has read them, and comes after its word that nobody responds.
 */
export class TransientSender {
  readonly #link: Link
  readonly #timeout: number
  /** Requests without an answer of any kind. */
  readonly #open = new Map<string, { readonly done: Done; readonly topic: string }>()
  #sending: Sending[] = []
  #counter = 0

  constructor(link: Link, timeout: number) {
    this.#link = link
    this.#timeout = timeout
  }

  /** @param subject of the request or the reply. */
  send({ to, replyTo }: Outgoing, subject: string, wire: WireMessage, done: Done): void {
    const token = (++this.#counter).toString(36)
    const reply = replyTo === undefined ? undefined : `${replyTo}.${token}`
    if (reply !== undefined) this.#open.set(token, { done, topic: 'topic' in to ? to.topic : '' })
    this.#sending.push({ subject, wire, reply, token, done })
    if (this.#sending.length === 1) setImmediate(() => this.#flush())
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

  #flush(): void {
    const sending = this.#sending
    this.#sending = []
    const link = this.#link
    let asked = false
    for (const { subject, wire, reply, token, done } of sending) {
      try {
        if (link.state !== 'live') throw connectionLost()
        link.publish(subject, wire.body, { headers: wire.headers, ...(reply === undefined ? {} : { reply }) })
        if (reply === undefined) done(CONFIRMED)
        else asked = true
      } catch (error) {
        this.#open.delete(token)
        done(failedBy(error))
      }
    }
    if (!asked) return
    const all = (result: PublishResult) => {
      for (const { token, reply, done } of sending)
        if (reply !== undefined && this.#open.delete(token)) done(result)
    }
    link.flush(this.#timeout).then(
      () => all(CONFIRMED),
      cause => all({ status: 'unknown', cause }),
    )
  }
}

export const noResponder = (topic: string): BusError =>
  new BusError('NO_RESPONDER', `nobody responds on "${topic}"`, {
    retryable: true,
    remedy: 'start a responder, or check topic and prefix on both sides',
  })
