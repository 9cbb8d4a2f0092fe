import type { Channel, ChannelModel } from 'amqplib'

/** RabbitMQ's answer when another connection has an exclusive queue of that name. */
const LOCKED = 405

/**
 * A number for each member of a group, the lowest that is free: the members have no other way to know of each other, and each has
 * to ask for another share of the partitions. A seat is an exclusive queue, so the broker gives it to one and frees it when its
 * connection ends. Undefined when there are as many members as partitions: one more has nothing to ask for.
 */
export async function takeSeat(
  model: ChannelModel,
  seats: number,
  nameOf: (seat: number) => string,
): Promise<number | undefined> {
  for (let seat = 0; seat < seats; seat++) {
    const channel = await model.createChannel()
    channel.on('error', () => {})
    try {
      await channel.assertQueue(nameOf(seat), { exclusive: true, durable: false })
    } catch (error) {
      if ((error as { code?: unknown }).code === LOCKED) continue
      throw error
    }
    await channel.close()
    return seat
  }
  return undefined
}

export const leaveSeat = (channel: Channel, name: string): Promise<unknown> => channel.deleteQueue(name)

/**
 * How much a member wants a partition: the broker makes the keenest one its active consumer. The first member takes all, and the
 * n-th of them every n-th from whoever has it, so that each has a share, and most partitions stay where they are.
 */
export const priorityOf = (partition: number, seat: number | undefined): number =>
  seat !== undefined && partition % (seat + 1) === seat ? seat + 1 : 0
