import { BusError, isBusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import type { Msg } from '@nats-io/nats-core'
import { publishAck } from '../consuming/records.ts'
import { connectionLost, noAnswer } from '../errors.ts'
import type { Answer, Link } from '../link/link.ts'
import type { Routes } from '../topology/routes.ts'
import { statusOf } from '../wire/headers.ts'
import type { WireMessage } from '../wire/outgoing.ts'
import { type ContentMode, wireMessage } from '../wire/outgoing.ts'

const CONFIRMED: PublishResult = { status: 'confirmed' }

export interface PublisherOptions {
  readonly link: Link
  readonly timeout: number
  readonly mode: ContentMode
  readonly routes: Routes
}

/** Publishes batches: one message and one confirmation each, all in flight at once. */
export class Publisher {
  readonly #o: PublisherOptions
  readonly #encoded = new WeakMap<Outgoing, WireMessage>()

  constructor(options: PublisherOptions) {
    this.#o = options
  }

  /** The message as it goes over the wire; made once for its size and its publish. */
  encode(message: Outgoing): WireMessage {
    let wire = this.#encoded.get(message)
    if (wire === undefined) {
      wire = wireMessage(message, this.#o.mode)
      this.#encoded.set(message, wire)
    }
    return wire
  }

  publish(batch: readonly Outgoing[]): Promise<PublishResult[]> {
    const { link, timeout } = this.#o
    if (link.state !== 'live') {
      const error = connectionLost()
      return Promise.resolve(batch.map(() => ({ status: 'failed', error })))
    }
    return new Promise(resolve => {
      const results: PublishResult[] = new Array(batch.length)
      let open = batch.length
      const replies: string[] = []
      const timer = link.clock.setTimer(
        timeout,
        () => {
          for (const reply of replies) link.forget(reply)
          const cause = noAnswer('publish')
          for (let i = 0; i < batch.length; i++) results[i] ??= { status: 'unknown', cause }
          open = 0
          resolve(results)
        },
        { keepAlive: true },
      )
      const set = (i: number, result: PublishResult) => {
        if (open === 0 || results[i] !== undefined) return
        results[i] = result
        if (--open > 0) return
        timer.cancel()
        resolve(results)
      }
      /** The last message of each key of an ordered topic: the next goes out when it is stored. */
      const chains = new Map<string, Promise<PublishResult>>()
      batch.forEach((message, i) => {
        const { to, key } = message
        const chained = to.kind === 'topic' && key !== undefined && this.#o.routes.isOrdered(to.topic)
        const before = chained ? chains.get(`${to.topic} ${key}`) : undefined
        if (!chained) {
          this.#send(message, replies, result => set(i, result))
          return
        }
        const sent = (before ?? Promise.resolve(CONFIRMED)).then(
          result =>
            new Promise<PublishResult>(done => {
              if (result.status === 'confirmed') this.#send(message, replies, done)
              else done({ status: 'failed', error: behindFailed(key) })
            }),
        )
        chains.set(`${to.topic} ${key}`, sent)
        void sent.then(result => set(i, result))
      })
    })
  }

  #send(message: Outgoing, replies: string[], done: (result: PublishResult) => void): void {
    const fail = (error: unknown) => done(failedBy(error))
    try {
      const { to } = message
      const wire = this.encode(message)
      if (to.kind === 'request' || to.kind === 'reply') {
        this.#sendTransient(message, wire, done)
        return
      }
      const go = (subject: string) => {
        try {
          this.#store(message, subject, wire, replies, done)
        } catch (error) {
          fail(error)
        }
      }
      const subject = this.#o.routes.subjectOf(message)
      if (message.mustRoute === true && to.kind === 'topic')
        this.#o.routes.assertRoute(to.topic).then(() => go(subject as string), fail)
      else if (typeof subject === 'string') go(subject)
      else subject.then(go, fail)
    } catch (error) {
      fail(error)
    }
  }

  #store(
    { to }: Outgoing,
    subject: string,
    wire: WireMessage,
    replies: string[],
    done: (result: PublishResult) => void,
  ): void {
    const { link } = this.#o
    if (link.state !== 'live') throw connectionLost()
    const reply = link.expect(subject, answer => {
      const result = resultOf(answer, subject)
      if (result === 'nobody') {
        const topic = 'topic' in to ? to.topic : ''
        this.#o.routes.explain(topic).then(
          error => done({ status: 'failed', error }),
          error => done(failedBy(error)),
        )
      } else done(result)
    })
    replies.push(reply)
    try {
      link.publish(subject, wire.body, { headers: wire.headers, reply })
    } catch (error) {
      link.forget(reply)
      throw error
    }
  }

  /**
   * Requests and replies are not stored: confirmed when the server has read them, which it says before or after it has
   * said that nobody is there.
   */
  #sendTransient(message: Outgoing, wire: WireMessage, done: (result: PublishResult) => void): void {
    const { link, timeout } = this.#o
    const { to } = message
    if (to.kind === 'reply') {
      link.publish(to.address, wire.body, { headers: wire.headers })
      done(CONFIRMED)
      return
    }
    const subject = this.#o.routes.subjectOf(message) as string
    const reply =
      message.replyTo === undefined ? undefined : `${message.replyTo}.${this.#requests.next(done, to)}`
    link.publish(subject, wire.body, { headers: wire.headers, ...(reply === undefined ? {} : { reply }) })
    link.flush(timeout).then(
      () => done(CONFIRMED),
      cause => done({ status: 'unknown', cause }),
    )
    if (reply !== undefined) this.#requests.forgetAfter(reply, link, timeout)
  }

  readonly #requests = new OpenRequests()

  /** A message on a reply inbox; whether it only said that nobody responds. */
  noResponder(reply: Msg): boolean {
    if (statusOf(reply) !== 503) return false
    this.#requests.refuse(reply.subject)
    return true
  }
}

/** Requests whose publish may still be refused for want of a responder. */
class OpenRequests {
  readonly #open = new Map<string, (result: PublishResult) => void>()
  #counter = 0

  next(done: (result: PublishResult) => void, to: { readonly topic?: string }): string {
    const token = (++this.#counter).toString(36)
    this.#open.set(token, () => done({ status: 'failed', error: noResponder(to.topic ?? '') }))
    return token
  }

  refuse(subject: string): void {
    const token = subject.slice(subject.lastIndexOf('.') + 1)
    this.#open.get(token)?.(CONFIRMED)
    this.#open.delete(token)
  }

  /** The server's word on it comes with its answer to a ping; nothing has to be kept longer than that may take. */
  forgetAfter(reply: string, link: Link, timeout: number): void {
    const token = reply.slice(reply.lastIndexOf('.') + 1)
    const forget = () => this.#open.delete(token)
    link.flush(timeout).then(forget, forget)
  }
}

function resultOf(answer: Answer, subject: string): PublishResult | 'nobody' {
  if ('error' in answer) {
    return answer.error.code === 'PERMISSION_DENIED'
      ? { status: 'failed', error: answer.error }
      : { status: 'unknown', cause: answer.error }
  }
  if (statusOf(answer.message) === 503) return 'nobody'
  try {
    const { seq, duplicate } = publishAck(answer.message, subject)
    return { status: 'confirmed', position: String(seq), ...(duplicate === true ? { duplicate } : {}) }
  } catch (error) {
    return failedBy(error)
  }
}

function failedBy(error: unknown): PublishResult {
  if (isBusError(error)) return { status: 'failed', error }
  return {
    status: 'failed',
    error: new BusError('BROKER_REJECTED', 'the NATS client refused the message', { cause: error }),
  }
}

const behindFailed = (key: string): BusError =>
  new BusError('PUBLISH_FAILED', `an earlier event of key ${JSON.stringify(key)} failed`, {
    retryable: true,
    remedy: 'it is sent again behind that one',
  })

export const noResponder = (topic: string): BusError =>
  new BusError('NO_RESPONDER', `nobody responds on "${topic}"`, {
    retryable: true,
    remedy: 'start a responder, or check topic and prefix on both sides',
  })
