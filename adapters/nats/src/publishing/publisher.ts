import type { Outgoing, PublishResult } from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import type { Msg } from '@nats-io/nats-core'
import { connectionLost, noAnswer } from '../errors.ts'
import type { Link } from '../link/link.ts'
import type { Routes } from '../topology/routes.ts'
import { type ContentMode, type WireMessage, wireMessage } from '../wire/outgoing.ts'
import { behindFailed, CONFIRMED, failedBy, resultOf } from './results.ts'
import { TransientSender } from './transient.ts'

export interface PublisherOptions {
  readonly link: Link
  readonly timeout: number
  readonly mode: ContentMode
  readonly routes: Routes
}

/** Publishes batches: one message and one confirmation each, all in flight at once. */
export class Publisher {
  readonly #o: PublisherOptions
  readonly #transient: TransientSender

  constructor(options: PublisherOptions) {
    this.#o = options
    this.#transient = new TransientSender(options.link)
  }

  /** A message on a reply inbox; whether it only said that nobody responds. */
  noResponder(message: Msg): boolean {
    return this.#transient.answered(message)
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
      let timer: Timer | undefined
      const late = () => {
        for (const reply of replies) link.forget(reply)
        const cause = noAnswer('publish')
        for (let i = 0; i < batch.length; i++) results[i] ??= { status: 'unknown', cause }
        open = 0
        resolve(results)
      }
      const set = (i: number, result: PublishResult) => {
        if (open === 0 || results[i] !== undefined) return
        results[i] = result
        if (--open > 0) return
        timer?.cancel()
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
      if (open > 0) timer = link.clock.setTimer(timeout, late, { keepAlive: true })
    })
  }

  #send(message: Outgoing, replies: string[], done: (result: PublishResult) => void): void {
    const fail = (error: unknown) => done(failedBy(error))
    try {
      const { to } = message
      const wire = wireMessage(message, this.#o.mode)
      if (to.kind === 'request' || to.kind === 'reply') {
        this.#transient.send(message, this.#o.routes.subjectOf(message) as string, wire, done)
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
}
