import { BusError, isBusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import { noSuchGroup } from '../dead-letters.ts'
import { missing } from '../errors.ts'
import type { TopologyKeeper } from '../topology/topology.ts'
import type { Post, Posted, Publisher } from './publisher.ts'
import type { Replying } from './replying.ts'
import { noResponder, type Routes, unroutable } from './routes.ts'

export interface SendingOptions {
  readonly events: Publisher
  readonly requests: () => Publisher
  readonly replying: Replying
  readonly routes: Routes
  readonly topology: TopologyKeeper
}

const CONFIRMED: PublishResult = { status: 'confirmed' }

/** Publishes batches for core, with a result for each message. */
export class Sending {
  readonly #o: SendingOptions
  /** Exchanges known to be there: publishing to one that is not ends the channel, and everything in flight on it. */
  readonly #known = new Set<string>()

  constructor(options: SendingOptions) {
    this.#o = options
  }

  /** What was there may be gone. */
  forget(): void {
    this.#known.clear()
  }

  async publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    const results = new Array<PublishResult>(batch.length)
    const events: number[] = []
    const requests: number[] = []
    const replies: number[] = []
    const posts: Post[] = []
    const failedKeys = new Set<string>()
    for (let i = 0; i < batch.length; i++) {
      const outgoing = batch[i] as Outgoing
      try {
        const post = this.#o.routes.postOf(outgoing)
        const { exchange } = post
        if (exchange !== '' && !this.#known.has(exchange)) await this.#assertThere(exchange, outgoing)
        if (outgoing.key !== undefined && failedKeys.has(outgoing.key)) throw behindFailed(outgoing.key)
        posts[i] = post
        switch (outgoing.to.kind) {
          case 'request':
            requests.push(i)
            break
          case 'reply':
            replies.push(i)
            break
          default:
            events.push(i)
        }
      } catch (error) {
        if (outgoing.key !== undefined) failedKeys.add(outgoing.key)
        results[i] = { status: 'failed', error: asBusError(error) }
      }
    }
    const send = async (publisher: Pick<Publisher, 'post'>, which: readonly number[]) => {
      const posted = await publisher.post(which.map(i => posts[i] as Post))
      for (const [n, i] of which.entries()) results[i] = resultOf(posted[n] as Posted, batch[i] as Outgoing)
    }
    await Promise.all([
      events.length > 0 ? send(this.#o.events, events) : undefined,
      requests.length > 0 ? send(this.#o.requests(), requests) : undefined,
      replies.length > 0 ? send(this.#o.replying, replies) : undefined,
    ])
    return results
  }

  async #assertThere(exchange: string, { to }: Outgoing): Promise<void> {
    if (!(await this.#o.topology.exchangeExists(exchange))) {
      if (to.kind === 'request') throw noResponder(to.topic)
      throw missing(`exchange ${exchange}`)
    }
    this.#known.add(exchange)
  }
}

function resultOf(posted: Posted, { to, mustRoute, notBefore }: Outgoing): PublishResult {
  if (posted.status !== 'confirmed') return posted
  if (posted.routed) return CONFIRMED
  switch (to.kind) {
    case 'topic':
      return mustRoute === true && notBefore === undefined
        ? { status: 'failed', error: unroutable(to.topic) }
        : CONFIRMED
    case 'inbox':
      return { status: 'failed', error: noSuchGroup(to.topic, to.group) }
    case 'request':
      return { status: 'failed', error: noResponder(to.topic) }
    case 'reply':
      return CONFIRMED
  }
}

const asBusError = (error: unknown): BusError =>
  isBusError(error) ? error : new BusError('BROKER_REJECTED', 'the message cannot be sent', { cause: error })

const behindFailed = (key: string): BusError =>
  new BusError('PUBLISH_FAILED', `an earlier message of key ${JSON.stringify(key)} in this batch failed`, {
    retryable: true,
    remedy: 'publish it after the earlier one',
  })
