import { BusError, type Envelope, META, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import { type Argument, callError, type Link, NotSent } from '../connection/link.ts'
import { REQUEST_LIFE } from '../consuming/responder.ts'
import { connectionLost, isReplyError, replyError } from '../errors.ts'
import type { Names } from '../names.ts'
import { PUBLISH, REQUEST } from '../scripts/publish.ts'
import { writeEntry } from '../wire/entry.ts'
import { writeFrame } from '../wire/frame.ts'

export interface PublishingOptions {
  readonly link: Link
  readonly names: Names
  readonly mode: 'binary' | 'structured'
  readonly dedupeWindow: number
  readonly replicas: number
  /** Milliseconds to wait for replicas. */
  readonly replicaTimeout: number
  readonly now: () => number
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
    const place = placeOf(batch[from] as Outgoing)
    let to = from + 1
    while (to < batch.length && placeOf(batch[to] as Outgoing) === place) to++
    parts.push(publishRun(o, from === 0 && to === batch.length ? batch : batch.slice(from, to)))
    from = to
  }
  return parts.length === 1
    ? (parts[0] as Promise<readonly PublishResult[]>)
    : (await Promise.all(parts)).flat()
}

function placeOf({ to }: Outgoing): string {
  switch (to.kind) {
    case 'topic':
    case 'request':
      return `${to.kind} ${to.topic}`
    case 'inbox':
      return `inbox ${to.topic} ${to.group}`
    case 'reply':
      return `reply ${to.address}`
  }
}

async function publishRun(o: PublishingOptions, run: readonly Outgoing[]): Promise<readonly PublishResult[]> {
  try {
    const { to } = run[0] as Outgoing
    switch (to.kind) {
      case 'request':
        return await sendRequests(o, to.topic, run)
      case 'reply':
        return await Promise.all(
          run.map(async message => {
            await o.link.call('PUBLISH', [to.address, frameOf(o, message)])
            return { status: 'confirmed' } as const
          }),
        )
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

async function store(
  o: PublishingOptions,
  topic: string,
  group: string | undefined,
  run: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
  const keys = o.names.topic(topic)
  const place = group === undefined ? keys : o.names.group(topic, group)
  const stream = group === undefined ? keys.stream : o.names.group(topic, group).inbox
  const args: Argument[] = [o.dedupeWindow]
  for (const message of run) {
    const fields = fieldsOf(o, message)
    args.push(
      message.dedupeId ?? '',
      message.notBefore ?? 0,
      message.mustRoute === true ? '1' : '0',
      fields.length,
      ...fields,
    )
  }
  const script = o.link.run(
    PUBLISH,
    [stream, place.delayed, place.delayedBodies, keys.dedupe, keys.groups, keys.readers],
    args,
  )
  const replicas = o.replicas === 0 ? undefined : o.link.call('WAIT', [o.replicas, o.replicaTimeout])
  replicas?.catch(() => {})
  const answers = (await script) as unknown[]
  const now = o.now()
  for (const { notBefore } of run)
    if (notBefore !== undefined && notBefore > now) o.onDelayed(topic, group, notBefore)
  o.onStored(topic, run.length)
  if (replicas !== undefined) {
    const reached = Number(await replicas)
    if (reached < o.replicas) {
      const cause = new BusError('BROKER_REJECTED', `${reached} of ${o.replicas} replicas have it`, {
        retryable: true,
      })
      return answers.map(() => ({ status: 'unknown', cause }))
    }
  }
  return answers.map(answer => resultOf(String(answer)))
}

function resultOf(answer: string): PublishResult {
  const rest = answer.slice(1)
  switch (answer[0]) {
    case '+':
      return /^\d+-\d+$/.test(rest) ? { status: 'confirmed', position: rest } : { status: 'confirmed' }
    case '=':
      return /^\d+-\d+$/.test(rest)
        ? { status: 'confirmed', duplicate: true, position: rest }
        : { status: 'confirmed', duplicate: true }
    case '?': {
      const remedy = 'subscribe a group first, or leave mustRoute out'
      return {
        status: 'failed',
        error: new BusError('UNROUTABLE', 'no group receives this topic', { remedy }),
      }
    }
    default:
      return { status: 'failed', error: replyError(rest) }
  }
}

async function sendRequests(
  o: PublishingOptions,
  topic: string,
  run: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
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

/** The envelope with what a stream or list cannot say by itself. */
function transported({ envelope, notBefore, requestId, replyTo }: Outgoing): Envelope {
  if (notBefore === undefined && requestId === undefined && replyTo === undefined) return envelope
  return {
    ...envelope,
    meta: {
      ...envelope.meta,
      ...(notBefore === undefined ? {} : { [META.notBefore]: String(notBefore) }),
      ...(requestId === undefined ? {} : { [META.requestId]: requestId }),
      ...(replyTo === undefined ? {} : { [META.replyTo]: replyTo }),
    },
  }
}

const fieldsOf = (o: PublishingOptions, message: Outgoing) =>
  writeEntry(transported(message), o.mode, message.key)

const frameOf = (o: PublishingOptions, message: Outgoing) => writeFrame(fieldsOf(o, message))

/** Bytes of one message: our own limit, far below what a server would refuse. */
export function sizeOf({ envelope, key }: Outgoing): number {
  let bytes = envelope.body?.byteLength ?? 0
  const { attributes, meta, headers } = envelope
  for (const name in attributes) bytes += name.length + Buffer.byteLength(attributes[name] as string)
  for (const name in meta) bytes += name.length + Buffer.byteLength(meta[name] as string)
  for (const [name, value] of headers)
    bytes +=
      Buffer.byteLength(name) + (typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength)
  return key === undefined ? bytes : bytes + Buffer.byteLength(key)
}
