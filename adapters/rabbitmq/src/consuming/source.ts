import { isPattern, type SubscriptionSpec } from '@busbar/core/adapter'
import type { Channel } from 'amqplib'
import type { Names } from '../topology/names.ts'
import type { TopologyKeeper } from '../topology/topology.ts'
import { Members } from './ordered/members.ts'

/** Milliseconds after which the broker removes the queue of responders that all went without a goodbye. */
const RESPONDERS_EXPIRE = 60_000
/** The same for a broadcast's. Until then it waits for its subscriber, whose link may only be cut. */
const BROADCAST_EXPIRES = 300_000

/**
 * Where a subscription's messages come from. `stays`: what is given back stays in this process's hands, because the queue is its own,
 * or because its place counts; elsewhere it goes back as a copy.
 */
export interface Source {
  readonly stays: boolean
  readonly pattern: boolean
  /** Makes or finds the queues. @returns their names. */
  open(channel: Channel): Promise<readonly string[]>
  /** Where the states of unsettled messages of a partition are kept beside it. */
  readonly heldStates?: (partition: number) => string
  /** Of ordered groups: this member among the others. */
  readonly members?: Members
  /** Gives up what is this member's alone. */
  leave?(channel: Channel): Promise<unknown>
  /** Arguments of the consumer of one queue. */
  readonly consume: (partition: number) => Record<string, unknown> | undefined
}

/** @param id tells this subscription from all others. */
export function sourceOf(spec: SubscriptionSpec, names: Names, topology: TopologyKeeper, id: string): Source {
  const { kind, topic, group, ordering } = spec
  const pattern = isPattern(topic)
  if (kind === 'requests') {
    const queue = names.requestQueue(topic, group ?? '')
    const exchange = names.requestExchange(topic)
    return {
      stays: false,
      pattern,
      consume: () => undefined,
      async open(channel) {
        await channel.assertExchange(exchange, 'fanout', { durable: true })
        // It goes with its last member, so that a request to nobody is returned.
        await channel.assertQueue(queue, {
          durable: true,
          autoDelete: true,
          arguments: { 'x-expires': RESPONDERS_EXPIRE },
        })
        await channel.bindQueue(queue, exchange, '')
        return [queue]
      },
    }
  }
  if (group === undefined) {
    const queue = names.broadcast(topic, id)
    return {
      stays: true,
      pattern,
      consume: () => undefined,
      async open(channel) {
        // Not exclusive: such a queue ends with its connection, and with it what is published until the next one.
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-expires': BROADCAST_EXPIRES } })
        await topology.bindEphemeral(channel, topic, queue)
        return [queue]
      },
      leave: channel => channel.deleteQueue(queue),
    }
  }
  const queues = topology.queues(topic, group)
  if (ordering !== 'key') {
    return {
      stays: false,
      pattern,
      consume: () => undefined,
      open: channel => checked(channel, queues).then(() => queues),
    }
  }
  const members = new Members({
    seats: queues.length,
    seatName: n => names.seat(topic, group, n),
    address: names.members(topic, group),
    inbox: names.member(topic, group, id),
  })
  return {
    stays: true,
    pattern,
    members,
    consume: partition => ({ 'x-priority': members.priority(partition) }),
    heldStates: partition => names.held(topic, group, partition),
    open: channel => checked(channel, queues).then(() => queues),
    leave: channel => members.leave(channel),
  }
}

async function checked(channel: Channel, queues: readonly string[]): Promise<void> {
  for (const queue of queues) await channel.checkQueue(queue)
}
