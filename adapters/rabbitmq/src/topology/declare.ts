import type { Channel, Options } from 'amqplib'
import type { ResolvedOptions } from '../config/options.ts'
import { bitPattern, LEVELS, queueTarget, ttlOf } from './delay-levels.ts'
import { DELAY } from './names.ts'

/** RabbitMQ 4 drops a message that came back 20 times unless told otherwise; older servers know no such number. */
export const unlimited = (version: string): Record<string, unknown> =>
  Number(version.split('.')[0]) >= 4 ? { 'x-delivery-limit': -1 } : {}

/**
 * A group's queue: for its events, its retries and its redrives. A partition's is a quorum queue whatever is configured: only that
 * hands over to a keener consumer, and only once all that the former one holds is settled.
 */
export function queueArguments(
  options: ResolvedOptions,
  version: string,
  single: boolean,
): Options.AssertQueue {
  const { replicas } = options
  const queueType = single ? 'quorum' : options.queueType
  return {
    durable: true,
    arguments: {
      'x-queue-type': queueType,
      ...(queueType === 'quorum' ? unlimited(version) : {}),
      ...(queueType === 'quorum' && replicas !== undefined
        ? { 'x-quorum-initial-group-size': replicas }
        : {}),
      ...(single ? { 'x-single-active-consumer': true } : {}),
    },
  }
}

/** Levels, their queues, and the way from the last one to `due`. */
export async function declareDelays(channel: Channel, version: string): Promise<void> {
  await channel.assertExchange(DELAY.homeless, 'fanout', { durable: true })
  await channel.assertQueue(DELAY.homeless, {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', ...unlimited(version) },
  })
  await channel.bindQueue(DELAY.homeless, DELAY.homeless, '')
  // At-least-once dead lettering holds on to what nobody takes, and in the end stands still: so somebody always does.
  await channel.assertExchange(DELAY.due, 'topic', { durable: true, alternateExchange: DELAY.homeless })
  for (let level = 0; level < LEVELS; level++) {
    const name = DELAY.level(level)
    const next = level === 0 ? DELAY.due : DELAY.level(level - 1)
    await channel.assertExchange(name, 'topic', { durable: true })
    await channel.assertQueue(name, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        ...unlimited(version),
        'x-message-ttl': ttlOf(level),
        'x-dead-letter-exchange': next,
        // Without these two a crash of the broker may lose what is between two queues.
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
    })
    await channel.bindQueue(name, name, bitPattern(level, 1))
    await channel.bindExchange(next, name, bitPattern(level, 0))
  }
  await channel.assertExchange(DELAY.complete, 'fanout', { durable: true })
}

export const bindDue = (channel: Channel, queue: string): Promise<unknown> =>
  channel.bindQueue(queue, DELAY.due, `#.${queueTarget(queue)}`)
