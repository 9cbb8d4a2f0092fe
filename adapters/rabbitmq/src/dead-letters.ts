import {
  BusError,
  type DeadItem,
  type DeadLetterSession,
  META,
  type SettlementResult,
} from '@busbar/core/adapter'
import type { Clock } from '@busbar/core/time'
import type { Channel, GetMessage } from 'amqplib'
import { pause } from './connection/within.ts'
import { operationError } from './errors.ts'
import { decode, withoutTransport } from './wire/decode.ts'

/** A quorum queue may give what came back in another order than before, so this many are looked at together and sorted. */
const LOOK_AHEAD = 1_000

function byAge(one: DeadItem, other: DeadItem): number {
  const [a, b] = [one.meta[META.deadAt] ?? '~', other.meta[META.deadAt] ?? '~']
  if (a !== b) return a < b ? -1 : 1
  // Ids of one process end in a number that counts up.
  return (
    Number.parseInt(one.id.split('-').at(-1) ?? '', 36) -
      Number.parseInt(other.id.split('-').at(-1) ?? '', 36) || 0
  )
}

/** How long an operation may take is the caller's affair. */
export type Bounded = <T>(promise: Promise<T>, what: string) => Promise<T>

/**
 * A walk over one dead-letter queue: RabbitMQ has no cursor, so what was looked at is held on one channel, and goes back to its
 * place when that channel closes. Another walk does not see it meanwhile.
 */
export async function openDeadLetters(
  openChannel: () => Promise<Channel>,
  queue: string,
  topic: string,
  bounded: Bounded,
  clock: Clock,
): Promise<DeadLetterSession> {
  const channel = await bounded(openChannel(), 'a channel')
  let failure: unknown
  channel.on('error', error => {
    failure = error
  })
  let closed = false
  channel.on('close', () => {
    closed = true
  })
  const attempt = async <T>(promise: Promise<T>): Promise<T> => {
    try {
      return await bounded(promise, `dead-letter queue ${queue}`)
    } catch (error) {
      throw operationError(failure ?? error, `dead-letter queue ${queue}`)
    }
  }
  let left = (await attempt(channel.checkQueue(queue))).messageCount
  const taken = new Map<DeadItem, GetMessage>()

  let ahead: DeadItem[] = []

  async function readAhead(count: number): Promise<DeadItem[]> {
    const items: DeadItem[] = []
    for (; items.length < count && left > 0; left--) {
      const message = await attempt(channel.get(queue))
      if (message === false) {
        left = 0
        break
      }
      const item = itemOf(message, topic)
      taken.set(item, message)
      items.push(item)
    }
    return items.sort(byAge)
  }

  return {
    async next(count) {
      if (ahead.length === 0) ahead = await readAhead(Math.max(count, LOOK_AHEAD))
      return ahead.splice(0, count)
    },
    async remove(items) {
      const results: SettlementResult[] = []
      for (const item of items) {
        const message = taken.get(item)
        if (message === undefined || closed) {
          results.push({ status: 'lost', copied: false })
          continue
        }
        channel.ack(message)
        taken.delete(item)
        results.push({ status: 'done' })
      }
      try {
        // Its answer comes after the broker has taken the acks.
        await attempt(channel.checkExchange('amq.direct'))
      } catch (error) {
        return items.map(() => ({ status: 'failed', error, retryable: true, copy: 'none' }))
      }
      return results
    },
    async [Symbol.asyncDispose]() {
      if (closed) return
      try {
        await bounded(giveBack(channel, queue, [...taken.values()], clock), 'giving back')
        await bounded(channel.close(), 'closing')
      } catch {
        // The broker gives back what a lost channel held.
      }
    },
  }
}

/** Milliseconds until what was given back counts as taken by somebody else. */
const BACK_WITHIN = 2_000
const LOOK_EVERY = 5

/** The next walk begins with a count, and has to see what this one gives back: a busy queue takes hundreds of milliseconds for that. */
async function giveBack(
  channel: Channel,
  queue: string,
  held: readonly GetMessage[],
  clock: Clock,
): Promise<void> {
  if (held.length === 0) return
  // Many in one frame come back to a quorum queue in another order.
  for (const message of held) channel.nack(message, false, true)
  const { signal } = new AbortController()
  for (const end = clock.now() + BACK_WITHIN; clock.now() < end; await pause(clock, LOOK_EVERY, signal)) {
    if ((await channel.checkQueue(queue)).messageCount >= held.length) return
  }
}

function itemOf(message: GetMessage, topic: string): DeadItem {
  const { envelope, raw, meta } = decode(message)
  const { messageId } = message.properties
  const key = meta[META.key]
  return {
    id: typeof messageId === 'string' ? messageId : `tag-${message.fields.deliveryTag}`,
    topic: meta[META.topic] ?? topic,
    envelope: envelope === null ? null : withoutTransport(envelope),
    meta,
    ...(raw === undefined ? {} : { raw }),
    ...(key === undefined ? {} : { key }),
  }
}

export const noSuchGroup = (topic: string, group: string): BusError =>
  new BusError('TOPOLOGY_MISSING', `no group "${group}" of topic "${topic}" on the broker`, {
    field: 'group',
    remedy: 'subscribe it or declare it first',
  })
