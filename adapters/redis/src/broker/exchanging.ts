import type { Buffer } from 'node:buffer'
import { BusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import type { Argument } from '../connection/link.ts'
import { REQUEST_LIFE } from '../consuming/responder.ts'
import { connectionLost } from '../errors.ts'
import { REPLY, REQUEST } from '../scripts/exchange.ts'
import { writeFrame } from '../wire/frame.ts'
import { fieldsOf } from './outgoing-fields.ts'
import type { PublishingOptions } from './publishing.ts'

const frameOf = (o: PublishingOptions, message: Outgoing): Buffer => writeFrame(fieldsOf(o.mode, message))

/** Puts requests into the lists of those who respond. */
export async function sendRequests(
  o: PublishingOptions,
  topic: string,
  run: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
  // What is published on a channel without a subscriber is gone: until ours is back, the reply would be.
  const way = o.replies()
  if (way !== undefined && way.state !== 'up' && !(await way.upWithin(o.patience)))
    return run.map(() => ({ status: 'failed', error: connectionLost() }))
  const now = o.now()
  let life = 1
  const args: Argument[] = [0]
  for (const message of run) {
    life = Math.max(life, message.expiresAt === undefined ? REQUEST_LIFE : message.expiresAt - now)
    args.push(frameOf(o, message))
  }
  args[0] = Math.ceil(life)
  const groups = Number(await o.link.run(REQUEST, [o.names.topic(topic).responders], args))
  if (groups > 0) return run.map(() => CONFIRMED)
  return run.map(() => ({
    status: 'failed',
    error: new BusError('NO_RESPONDER', `nobody responds on "${topic}"`, {
      remedy: 'start a responder, or ask again later',
    }),
  }))
}

/** Publishes on the channel of one who asked. */
export async function sendReplies(
  o: PublishingOptions,
  address: string,
  run: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
  await o.link.run(REPLY, [], [address, ...run.map(message => frameOf(o, message))])
  return run.map(() => CONFIRMED)
}

const CONFIRMED: PublishResult = { status: 'confirmed' }
