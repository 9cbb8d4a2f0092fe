import type { Outgoing, PublishResult } from '@busbar/core/adapter'
import { callError, type Link, NotSent } from '../connection/link.ts'
import { connectionLost, isReplyError, replyError } from '../errors.ts'
import type { Names } from '../names.ts'
import { sendReplies, sendRequests } from './exchanging.ts'
import { store } from './storing.ts'

export interface PublishingOptions {
  readonly link: Link
  readonly names: Names
  readonly mode: 'binary' | 'structured'
  readonly dedupeWindow: number
  readonly replicas: number
  /** Milliseconds to wait for replicas. */
  readonly replicaTimeout: number
  readonly now: () => number
  /** Milliseconds that a request waits for the way back to be there. */
  readonly patience: number
  /** The connection that replies come in on, once there is one. */
  readonly replies: () => Link | undefined
  /** Something was stored in a topic. */
  readonly onStored: (topic: string, count: number) => void
  /** Something delayed was stored: in a topic, or in a group's inbox. */
  readonly onDelayed: (topic: string, group: string | undefined, due: number) => void
}

/** Publishes a batch: one script call for each run of messages with the same destination, sent without waiting in between. */
export async function publishBatch(
  o: PublishingOptions,
  batch: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
  const parts: Promise<readonly PublishResult[]>[] = []
  for (let from = 0; from < batch.length; ) {
    const place = (batch[from] as Outgoing).to
    let to = from + 1
    while (to < batch.length && samePlace(place, (batch[to] as Outgoing).to)) to++
    parts.push(publishRun(o, from === 0 && to === batch.length ? batch : batch.slice(from, to)))
    from = to
  }
  return parts.length === 1
    ? (parts[0] as Promise<readonly PublishResult[]>)
    : (await Promise.all(parts)).flat()
}

function samePlace(a: Outgoing['to'], b: Outgoing['to']): boolean {
  if (a === b) return true
  if (a.kind === 'reply') return b.kind === 'reply' && a.address === b.address
  if (a.kind !== b.kind || a.topic !== b.topic) return false
  return a.kind !== 'inbox' || (b.kind === 'inbox' && a.group === b.group)
}

async function publishRun(o: PublishingOptions, run: readonly Outgoing[]): Promise<readonly PublishResult[]> {
  try {
    const { to } = run[0] as Outgoing
    switch (to.kind) {
      case 'request':
        return await sendRequests(o, to.topic, run)
      case 'reply':
        return await sendReplies(o, to.address, run)
      default:
        return await store(o, to.topic, to.kind === 'inbox' ? to.group : undefined, run)
    }
  } catch (error) {
    return run.map(() => resultOfFailure(error))
  }
}

function resultOfFailure(error: unknown): PublishResult {
  if (error instanceof NotSent) return { status: 'failed', error: connectionLost() }
  // What the server refuses as a whole it has not begun.
  if (isReplyError(error)) return { status: 'failed', error: replyError(error) }
  return { status: 'unknown', cause: callError(error) }
}
