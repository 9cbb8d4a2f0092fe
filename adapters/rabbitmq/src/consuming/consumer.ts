import type { Channel, ConsumeMessage } from 'amqplib'

export interface ConsumerOptions {
  readonly channel: Channel
  readonly queue: string
  readonly arguments?: Record<string, unknown>
  readonly onMessage: (message: ConsumeMessage) => void
  /** The broker cancelled it: its queue is gone, or its leader. */
  readonly onCancel: () => void
  readonly onError: (error: unknown) => void
}

/**
 * One consumer whose prefetch can be changed: the broker takes a new one only for a new consumer, so the old one is cancelled first.
 * What it still had in flight adds to the new one's; whoever hands messages on has to hold that surplus back.
 */
export class Consumer {
  readonly #options: ConsumerOptions
  #wanted = 0
  #actual = 0
  #tag: string | undefined
  #working: Promise<void> | undefined

  constructor(options: ConsumerOptions) {
    this.#options = options
  }

  /** @returns when the broker has it. */
  prefetch(count: number): Promise<void> {
    this.#wanted = count
    this.#working ??= this.#work()
      .catch(error => this.#options.onError(error))
      .finally(() => {
        this.#working = undefined
      })
    return this.#working
  }

  async #work(): Promise<void> {
    const { channel, queue, onMessage, onCancel } = this.#options
    while (this.#actual !== this.#wanted) {
      const count = this.#wanted
      if (this.#tag !== undefined) {
        const tag = this.#tag
        this.#tag = undefined
        await channel.cancel(tag)
      }
      if (count > 0) {
        await channel.prefetch(count)
        const { consumerTag } = await channel.consume(
          queue,
          message => {
            if (message !== null) onMessage(message)
            else onCancel()
          },
          this.#options.arguments === undefined ? {} : { arguments: this.#options.arguments },
        )
        this.#tag = consumerTag
      }
      this.#actual = count
    }
  }
}
