import type { Channel, ChannelModel } from 'amqplib'
import type { Post } from '../../publishing/publisher.ts'
import { leaveSeat, priorityOf, takeSeat } from './seats.ts'

export interface MembersOptions {
  /** The number of partitions. */
  readonly seats: number
  readonly seatName: (seat: number) => string
  /** What announcements to this group are addressed to, and the queue of this member's own that they come to. */
  readonly address: string
  readonly inbox: string
}

const EXCHANGE = 'amq.direct'

/** One member of an ordered group among the others: its seat, and what they tell each other of theirs. */
export class Members {
  readonly #o: MembersOptions
  #seat: number | undefined

  constructor(options: MembersOptions) {
    this.#o = options
  }

  /** @param onRival called with the partitions that another member, which has just come, wants more than this one. */
  async join(
    channel: Channel,
    model: ChannelModel,
    onRival: (wanted: (partition: number) => boolean) => void,
  ): Promise<void> {
    const { seats, seatName, address, inbox } = this.#o
    this.#seat = await takeSeat(model, seats, seatName)
    await channel.assertQueue(inbox, { exclusive: true, durable: false })
    await channel.bindQueue(inbox, EXCHANGE, address)
    await channel.consume(
      inbox,
      message => {
        const seat = Number(message?.content.toString())
        if (message === null || !Number.isSafeInteger(seat)) return
        onRival(partition => priorityOf(partition, seat) > this.priority(partition))
      },
      { noAck: true },
    )
  }

  /** Tells the others, who do not learn it from the broker. Undefined when this member asks for nothing. */
  announcement(): Post | undefined {
    if (this.#seat === undefined) return undefined
    const message = { headers: {}, contentType: undefined, body: Buffer.from(String(this.#seat)) }
    return { exchange: EXCHANGE, routingKey: this.#o.address, message, persistent: false }
  }

  priority(partition: number): number {
    return priorityOf(partition, this.#seat)
  }

  async leave(channel: Channel): Promise<void> {
    await channel.deleteQueue(this.#o.inbox)
    if (this.#seat !== undefined) await leaveSeat(channel, this.#o.seatName(this.#seat))
  }
}
