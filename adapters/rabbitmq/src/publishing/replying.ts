import { BusError } from '@busbar/core/adapter'
import type { Channel } from 'amqplib'
import type { Link } from '../connection/link.ts'
import { brokerFull, linkLost, tooLarge } from '../errors.ts'
import { type Post, type Posted, propertiesOf, unsendable } from './publisher.ts'

const SENT: Posted = { status: 'confirmed', routed: true }

/**
 * Sends replies. They are not confirmed: nothing stores a reply, so a confirmation says no more than that the broker read it, and
 * whoever asked does not wait longer than its timeout.
 */
export class Replying {
  readonly #link: Link
  readonly #messageBytes: number
  #channel: Channel | undefined
  #opening: Promise<Channel> | undefined
  #drained: Promise<void> | undefined

  constructor(link: Link, messageBytes: number) {
    this.#link = link
    this.#messageBytes = messageBytes
  }

  async post(posts: readonly Post[]): Promise<readonly Posted[]> {
    let channel: Channel
    try {
      channel = this.#channel ?? (await this.#open())
    } catch (cause) {
      const error = cause instanceof BusError ? cause : linkLost(cause)
      return posts.map(() => ({ status: 'failed', error }))
    }
    const posted = posts.map(post => this.#one(channel, post))
    await this.#drained
    return posted
  }

  #one(channel: Channel, post: Post): Posted {
    const { exchange, routingKey, message } = post
    if (this.#link.blocked) return { status: 'failed', error: brokerFull() }
    const { length } = message.body
    if (length > this.#messageBytes) {
      const error = tooLarge(`${length} bytes, and RabbitMQ takes ${this.#messageBytes}`)
      return { status: 'failed', error }
    }
    try {
      const more = channel.publish(exchange, routingKey, message.body, propertiesOf(post))
      if (!more) this.#drained ??= this.#drain(channel)
      return SENT
    } catch (error) {
      return { status: 'failed', error: unsendable(error) }
    }
  }

  /** The driver keeps what the connection does not take: whoever sends waits until it has. */
  #drain(channel: Channel): Promise<void> {
    return new Promise<void>(resolve => {
      channel.once('drain', resolve)
      channel.once('close', resolve)
    }).finally(() => {
      this.#drained = undefined
    })
  }

  #open(): Promise<Channel> {
    this.#opening ??= this.#link.model
      .createChannel()
      .then(channel => {
        channel.on('error', () => {})
        channel.on('close', () => {
          if (this.#channel === channel) this.#channel = undefined
        })
        this.#channel = channel
        return channel
      })
      .finally(() => {
        this.#opening = undefined
      })
    return this.#opening
  }
}
