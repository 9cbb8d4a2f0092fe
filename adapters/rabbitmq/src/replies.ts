import type { Delivery, ReplyInbox } from '@busbar/core/adapter'
import type { ConfirmChannel, ConsumeMessage } from 'amqplib'
import type { Acks } from './consuming/acks.ts'
import { received } from './consuming/delivery.ts'

/**
 * RabbitMQ's direct reply-to: no queue at all. The broker puts the real address, this channel's, in place of this name when a
 * request is published, so requests go out on the channel that consumes from it.
 */
export const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to'

/** Addresses of that kind lead to a channel that waits for replies, never to a queue: so they are all there are in this namespace. */
export const isReplyAddress = (address: string): boolean =>
  /^amq\.rabbitmq\.reply-to\.[\x21-\x7e]{1,200}$/.test(address)

const NO_ACKS = { ended: true } as Acks

/** The inbox of one process, on whichever channel requests are published. */
export class Replies {
  readonly #onError: (error: unknown) => void
  #deliver: ((reply: Delivery) => void) | undefined

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** Before anything is published on it. */
  async prepare(channel: ConfirmChannel): Promise<void> {
    await channel.consume(DIRECT_REPLY_TO, message => this.#onMessage(message), { noAck: true })
  }

  open(deliver: (reply: Delivery) => void): ReplyInbox {
    this.#deliver = deliver
    return {
      address: DIRECT_REPLY_TO,
      close: async () => {
        this.#deliver = undefined
      },
    }
  }

  #onMessage(message: ConsumeMessage | null): void {
    if (message === null || this.#deliver === undefined) return
    try {
      this.#deliver(
        received(message, {
          topic: '',
          lane: DIRECT_REPLY_TO,
          acks: NO_ACKS,
          sequence: undefined,
          named: false,
        }),
      )
    } catch (error) {
      // What is thrown here would end the connection.
      this.#onError(error)
    }
  }
}
