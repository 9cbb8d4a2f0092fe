import type { Buffer } from 'node:buffer'
import { BusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import type { Argument } from '../connection/link.ts'
import { REQUEST_LIFE } from '../consuming/responder.ts'
import { connectionLost } from '../errors.ts'
import { REQUEST } from '../scripts/publish.ts'
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
  const args: Argument[] = []
  for (const message of run) {
    const life = message.expiresAt === undefined ? REQUEST_LIFE : Math.max(1, message.expiresAt - o.now())
    args.push(Math.ceil(life), frameOf(o, message))
  }
  const answers = (await o.link.run(REQUEST, [o.names.topic(topic).responders], args)) as number[]
  return answers.map((groups): PublishResult => {
    if (Number(groups) > 0) return { status: 'confirmed' }
    const remedy = 'start a responder, or ask again later'
    return {
      status: 'failed',
      error: new BusError('NO_RESPONDER', `nobody responds on "${topic}"`, { remedy }),
    }
  })
}

export function sendReplies(
  o: PublishingOptions,
  address: string,
  run: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
  return Promise.all(
    run.map(async message => {
      await o.link.call('PUBLISH', [address, frameOf(o, message)])
      return { status: 'confirmed' } as const
    }),
  )
}
