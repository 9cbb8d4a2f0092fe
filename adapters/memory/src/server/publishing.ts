import {
  BusError,
  type Destination,
  isPattern,
  META,
  type Outgoing,
  type PublishResult,
} from '@busbar/core/adapter'
import { OVERHEAD, sizeOf, weightOf } from '../size.ts'
import { type Namespace, topicMissing } from './namespace.ts'
import { StoredMessage } from './stored-message.ts'

const CONFIRMED: PublishResult = { status: 'confirmed' }

type To<Kind extends Destination['kind']> = Extract<Destination, { kind: Kind }>

/** Stores a batch in order. A message that fails takes those of its key behind it along, where order counts. */
export function publishBatch(namespace: Namespace, batch: readonly Outgoing[]): PublishResult[] {
  const now = namespace.server.now()
  const results: PublishResult[] = []
  let failedKeys: Set<string> | undefined
  for (const outgoing of batch) {
    const { key } = outgoing
    if (failedKeys !== undefined && key !== undefined && failedKeys.has(key)) {
      results.push(failed(behindFailed(key)))
      continue
    }
    const result = publishOne(namespace, outgoing, now)
    if (result.status === 'failed' && key !== undefined && isOrdered(namespace, outgoing.to)) {
      failedKeys ??= new Set()
      failedKeys.add(key)
    }
    results.push(result)
  }
  return results
}

function publishOne(namespace: Namespace, outgoing: Outgoing, now: number): PublishResult {
  const { faults, options } = namespace.server
  if (faults.active) {
    const refusal = faults.publishRefusal()
    if (refusal !== undefined) return failed(refusal)
  }
  const weight = weightOf(outgoing)
  // A UTF-16 unit is at most three bytes of UTF-8: only a message near the limit has to be measured exactly.
  if (weight * 3 > options.messageBytes) {
    const size = sizeOf(outgoing)
    if (size > options.messageBytes) return failed(tooLarge(size, options.messageBytes))
  }
  const { to } = outgoing
  switch (to.kind) {
    case 'topic':
      return toTopic(namespace, outgoing, to, weight + OVERHEAD, now)
    case 'inbox':
      return toInbox(namespace, outgoing, to, weight + OVERHEAD, now)
    case 'request':
      return toResponders(namespace, outgoing, to, weight + OVERHEAD, now)
    case 'reply':
      namespace.inboxes.send(to.address, new StoredMessage(outgoing, 'reply', 'reply', 0))
      return CONFIRMED
  }
}

function toTopic(
  namespace: Namespace,
  outgoing: Outgoing,
  to: To<'topic'>,
  bytes: number,
  now: number,
): PublishResult {
  const { dedupe } = namespace
  const { budget } = namespace.server
  const topic = namespace.topics.get(to.topic)
  if (topic === undefined) return failed(topicMissing(to.topic))
  const { dedupeId } = outgoing
  const known = dedupeId === undefined ? undefined : dedupe.find(dedupeId, now)
  if (known !== undefined) return duplicate(known)
  if (outgoing.mustRoute === true && topic.queues.length === 0) return failed(unroutable(to.topic))
  const refusal = budget.refusal(bytes)
  if (refusal !== undefined) return failed(refusal)
  const lane = topic.lanes[to.partition] ?? String(to.partition)
  const sequence = topic.store(new StoredMessage(outgoing, to.topic, lane, bytes), now)
  if (dedupeId !== undefined) dedupe.remember(dedupeId, sequence ?? 0, now)
  return sequence === undefined ? CONFIRMED : { status: 'confirmed', position: String(sequence) }
}

function toInbox(
  namespace: Namespace,
  outgoing: Outgoing,
  to: To<'inbox'>,
  bytes: number,
  now: number,
): PublishResult {
  const { dedupe } = namespace
  const { budget } = namespace.server
  const queue = namespace.redriveTarget(to.topic, to.group)
  if (queue === undefined) return failed(groupMissing(to))
  const { dedupeId } = outgoing
  if (dedupeId !== undefined && dedupe.find(dedupeId, now) !== undefined) return duplicate(0)
  const refusal = budget.refusal(bytes)
  if (refusal !== undefined) return failed(refusal)
  // A wildcard group's dead letters lie under its pattern; the topic each came from is in its metadata.
  const topic = isPattern(to.topic) ? (outgoing.envelope.meta[META.topic] ?? to.topic) : to.topic
  const message = new StoredMessage(outgoing, topic, String(to.partition), bytes)
  budget.add(message)
  queue.add(message, now)
  if (dedupeId !== undefined) dedupe.remember(dedupeId, 0, now)
  return CONFIRMED
}

function toResponders(
  namespace: Namespace,
  outgoing: Outgoing,
  to: To<'request'>,
  bytes: number,
  now: number,
): PublishResult {
  const responders = namespace.responders(to.topic)
  if (responders.length === 0) return failed(noResponder(to.topic))
  const refusal = namespace.server.budget.refusal(bytes)
  if (refusal !== undefined) return failed(refusal)
  const message = new StoredMessage(outgoing, to.topic, 'requests', bytes)
  namespace.server.budget.add(message)
  for (const queue of responders) queue.add(message, now)
  return CONFIRMED
}

function isOrdered(namespace: Namespace, to: Destination): boolean {
  if (to.kind === 'topic') return namespace.topics.get(to.topic)?.ordered === true
  return to.kind === 'inbox' && namespace.redriveTarget(to.topic, to.group)?.ordering === 'key'
}

const failed = (error: BusError): PublishResult => ({ status: 'failed', error })

/** Sequence 0: it had none when it was stored (delayed, or a redrive). */
const duplicate = (sequence: number): PublishResult =>
  sequence === 0
    ? { status: 'confirmed', duplicate: true }
    : { status: 'confirmed', duplicate: true, position: String(sequence) }

const tooLarge = (size: number, limit: number) =>
  new BusError('PAYLOAD_TOO_LARGE', `the message has ${size} bytes, and the memory broker takes ${limit}`, {
    remedy: 'publish less, or raise messageBytes',
  })

const unroutable = (topic: string) =>
  new BusError('UNROUTABLE', `no group or broadcast subscription receives topic "${topic}"`, {
    remedy: 'subscribe a group first, or publish without mustRoute',
  })

const groupMissing = (to: To<'inbox'>) =>
  new BusError('TOPOLOGY_MISSING', `no group "${to.group}" of topic "${to.topic}" on the memory broker`, {
    field: 'group',
    remedy: 'subscribe it or declare it first',
  })

const noResponder = (topic: string) =>
  new BusError('NO_RESPONDER', `nobody responds on topic "${topic}"`, {
    remedy: 'start a responder, or check the topic and the prefix',
  })

const behindFailed = (key: string) =>
  new BusError('PUBLISH_FAILED', `an earlier message of key ${JSON.stringify(key)} in this batch failed`, {
    retryable: true,
    remedy: 'publish it after the earlier one',
  })
