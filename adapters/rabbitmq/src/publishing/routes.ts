import { BusError, compilePattern, isPattern, META, type Outgoing } from '@busbar/core/adapter'
import type { Clock } from '@busbar/core/time'
import { entranceFor, queueTarget } from '../topology/delay-levels.ts'
import { DELAY, type Names } from '../topology/names.ts'
import type { TopologyKeeper } from '../topology/topology.ts'
import { assertHeadersFit, encode, type Mode } from '../wire/encode.ts'
import type { Post } from './publisher.ts'

/** Turns what core publishes into posts: exchange, routing key, message. */
export class Routes {
  readonly #names: Names
  readonly #topology: TopologyKeeper
  readonly #clock: Clock
  readonly #mode: Mode
  /** By group, the pattern whose dead letters were looked at last: a redrive names the concrete topic alone. */
  readonly #patterns = new Map<
    string,
    { readonly topic: string; readonly matches: (topic: string) => boolean }
  >()

  constructor(names: Names, topology: TopologyKeeper, clock: Clock, mode: Mode) {
    this.#names = names
    this.#topology = topology
    this.#clock = clock
    this.#mode = mode
  }

  walked(topic: string, group: string): void {
    if (isPattern(topic)) this.#patterns.set(group, { topic, matches: compilePattern(topic) })
    else this.#patterns.delete(group)
  }

  /** @throws BusError for what cannot be sent. */
  postOf(outgoing: Outgoing): Post {
    const { to, envelope, key, notBefore, requestId, replyTo, expiresAt } = outgoing
    switch (to.kind) {
      case 'topic': {
        const message = encode(envelope, this.#mode, { key, notBefore })
        assertHeadersFit(message)
        const routingKey =
          this.#topology.spec(to.topic)?.ordered === true
            ? this.#names.partitionKey(to.topic, to.partition)
            : this.#names.routingKey(to.topic)
        const entrance = this.#entrance(notBefore, routingKey)
        return entrance === undefined
          ? { exchange: this.#topology.exchange(to.topic), routingKey, message, persistent: true }
          : { ...entrance, message, persistent: true }
      }
      case 'inbox': {
        const { queue, topic } = this.#inbox(to)
        const meta = topic === to.topic ? envelope.meta : { ...envelope.meta, [META.topic]: to.topic }
        const message = encode({ ...envelope, meta }, this.#mode, { key, notBefore })
        const entrance = this.#entrance(notBefore, queueTarget(queue))
        return entrance === undefined
          ? { exchange: '', routingKey: queue, message, persistent: true }
          : { ...entrance, message, persistent: true }
      }
      case 'request': {
        const message = encode(envelope, this.#mode, { requestId })
        assertHeadersFit(message)
        const expiration =
          expiresAt === undefined ? undefined : Math.max(0, Math.ceil(expiresAt - this.#clock.now()))
        const exchange = this.#names.requestExchange(to.topic)
        return { exchange, routingKey: '', message, persistent: false, expiration, replyTo }
      }
      case 'reply': {
        const message = encode(envelope, this.#mode, { requestId })
        assertHeadersFit(message)
        return { exchange: '', routingKey: to.address, message, persistent: false }
      }
    }
  }

  #entrance(
    notBefore: number | undefined,
    target: string,
  ): { exchange: string; routingKey: string } | undefined {
    if (notBefore === undefined) return undefined
    const entrance = entranceFor(notBefore - this.#clock.now(), target)
    return entrance === undefined
      ? undefined
      : { exchange: DELAY.level(entrance.level), routingKey: entrance.routingKey }
  }

  #inbox(to: Extract<Outgoing['to'], { kind: 'inbox' }>): { queue: string; topic: string } {
    const pattern = this.#patterns.get(to.group)
    const topic = pattern?.matches(to.topic) === true ? pattern.topic : to.topic
    const queues = this.#topology.queues(topic, to.group)
    return { queue: (queues[to.partition] ?? queues[0]) as string, topic }
  }
}

export const unroutable = (topic: string): BusError =>
  new BusError('UNROUTABLE', `no group or broadcast subscription receives topic "${topic}"`, {
    remedy: 'subscribe a group first, or publish without mustRoute',
  })

export const noResponder = (topic: string): BusError =>
  new BusError('NO_RESPONDER', `nobody responds on topic "${topic}"`, {
    remedy: 'start a responder, or check the topic and the prefix',
  })
