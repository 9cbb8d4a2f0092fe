import { BusError } from '@busbar/core/adapter'
import type { Clock } from '@busbar/core/time'
import type { Channel } from 'amqplib'
import { operationError } from '../errors.ts'
import type { Link } from './link.ts'
import { within } from './within.ts'

/**
 * A channel for declarations and questions, one operation at a time: the broker answers a wrong one by closing the channel, and
 * nobody else's work may be on it then.
 */
export class Admin {
  readonly #link: Link
  readonly #clock: Clock
  readonly #timeout: number
  #channel: Channel | undefined
  #last: Promise<unknown> = Promise.resolve()
  readonly #closing = Promise.withResolvers<never>()

  constructor(link: Link, clock: Clock, timeout: number) {
    this.#link = link
    this.#clock = clock
    this.#timeout = timeout
    this.#closing.promise.catch(() => {})
  }

  /** Whoever waits is told at once. */
  close(): void {
    this.#closing.reject(new BusError('BUS_CLOSED', 'the connection to RabbitMQ is closed'))
  }

  /** @param what names the thing in errors. @throws BusError */
  run<T>(what: string, operation: (channel: Channel) => Promise<T>): Promise<T> {
    const result = Promise.race([this.#closing.promise, this.#last.then(() => this.#run(what, operation))])
    this.#last = result.catch(() => {})
    return result
  }

  /** Whether something is there: the broker says no by closing the channel. */
  async exists(what: string, check: (channel: Channel) => Promise<unknown>): Promise<boolean> {
    try {
      await this.run(what, check)
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code === 'TOPOLOGY_MISSING') return false
      throw error
    }
  }

  /** What a lost link interrupts is done again on the next one: declarations and questions may be repeated. */
  async #run<T>(what: string, operation: (channel: Channel) => Promise<T>): Promise<T> {
    const deadline = this.#clock.now() + this.#timeout
    for (;;) {
      const left = () => Math.max(1, deadline - this.#clock.now())
      let channel: Channel | undefined
      try {
        await within(this.#clock, left(), this.#link.whenConnected(), 'connecting')
        channel = this.#channel ?? (await within(this.#clock, left(), this.#open(), 'a channel'))
        return await within(this.#clock, left(), operation(channel), what)
      } catch (error) {
        if (channel !== undefined) this.#abandon(channel)
        const failure = operationError(error, what)
        if (failure.code !== 'CONNECTION_LOST' || this.#link.closed || this.#clock.now() >= deadline)
          throw failure
      }
    }
  }

  async #open(): Promise<Channel> {
    const channel = await this.#link.model.createChannel()
    this.#channel = channel
    channel.on('error', () => {})
    channel.on('close', () => {
      if (this.#channel === channel) this.#channel = undefined
    })
    return channel
  }

  #abandon(channel: Channel): void {
    if (this.#channel !== channel) return
    this.#channel = undefined
    try {
      channel.close().catch(() => {})
    } catch {
      // Closed already.
    }
  }
}
