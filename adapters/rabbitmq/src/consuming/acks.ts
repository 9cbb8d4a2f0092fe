import type { Channel, Message } from 'amqplib'

/**
 * The acknowledgements of one channel: those of one turn together, as few frames as may be. A multiple ack covers everything up to its
 * tag, so it is used only below the lowest tag that is still open, and names the highest not yet acked: a multiple ack on a tag
 * that is already acked closes the channel.
 */
export class Acks {
  readonly channel: Channel
  /** Tags the broker waits for, ascending. */
  readonly #open = new Set<number>()
  readonly #due = new Set<number>()
  readonly #told: (() => void)[] = []
  #scheduled = false
  #ended = false

  constructor(channel: Channel) {
    this.channel = channel
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Whether the broker waits for none. */
  get idle(): boolean {
    return this.#open.size === 0
  }

  opened(tag: number): void {
    this.#open.add(tag)
  }

  /** The channel is gone, and with it every claim on its deliveries. */
  end(): void {
    this.#ended = true
    this.#open.clear()
    this.#due.clear()
  }

  /** @param told called once the ack is on its way; not when the channel ends before. */
  add(tag: number, told: () => void): void {
    this.#due.add(tag)
    this.#told.push(told)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.send())
  }

  send(): void {
    this.#scheduled = false
    if (this.#ended) return
    try {
      this.#send()
    } catch {
      // The channel is closing; its end will be told by itself.
      return
    }
    for (const told of this.#told.splice(0)) told()
  }

  /** Resolves when the broker has taken all that is due: an ack has no answer, but what follows it on its channel has. */
  async taken(): Promise<void> {
    this.send()
    await this.channel.checkExchange('amq.direct')
  }

  #send(): void {
    if (this.#due.size === 0) return
    let highest = 0
    let covered = 0
    for (const tag of this.#open) {
      if (!this.#due.has(tag)) break
      highest = tag
      covered++
      this.#open.delete(tag)
      this.#due.delete(tag)
    }
    if (covered > 0) this.channel.ack(at(highest), covered > 1)
    for (const tag of this.#due) {
      if (this.#open.delete(tag)) this.channel.ack(at(tag), false)
    }
    this.#due.clear()
  }
}

/** All that the driver looks at. */
const at = (deliveryTag: number): Message => ({ fields: { deliveryTag } }) as unknown as Message
