import type { Buffer } from 'node:buffer'
import { BusError, type Outgoing, type PublishResult } from '@busbar/core/adapter'
import type { Argument } from '../connection/link.ts'
import { replyError } from '../errors.ts'
import { STORE, STORE_SPECIAL } from '../scripts/publish.ts'
import { fieldsOf } from './outgoing-fields.ts'
import type { PublishingOptions } from './publishing.ts'

/** Stores a batch of events of one topic: for all its groups, or in one group's inbox. */
export async function store(
  o: PublishingOptions,
  topic: string,
  group: string | undefined,
  batch: readonly Outgoing[],
): Promise<readonly PublishResult[]> {
  const keys = o.names.topic(topic)
  const place = group === undefined ? keys : o.names.group(topic, group)
  const stream = group === undefined ? keys.stream : o.names.group(topic, group).inbox
  const special = batch.some(isSpecial)
  const stored = special
    ? o.link.run(
        STORE_SPECIAL,
        [stream, keys.dedupe, place.delayed, place.delayedBodies, keys.groups, keys.readers],
        specialArguments(o, batch),
      )
    : o.link.run(STORE, [stream, keys.dedupe], storeArguments(o, batch))
  const replicas = o.replicas === 0 ? undefined : o.link.call('WAIT', [o.replicas, o.replicaTimeout])
  replicas?.catch(() => {})
  const answers = (await stored) as Buffer[]
  if (special) {
    const now = o.now()
    for (const { notBefore } of batch)
      if (notBefore !== undefined && notBefore > now) o.onDelayed(topic, group, notBefore)
  }
  o.onStored(topic, batch.length)
  if (replicas !== undefined) {
    const reached = Number(await replicas)
    if (reached < o.replicas) {
      const cause = new BusError('BROKER_REJECTED', `${reached} of ${o.replicas} replicas have it`, {
        retryable: true,
      })
      return answers.map(() => ({ status: 'unknown', cause }))
    }
  }
  return answers.map(resultOf)
}

const isSpecial = ({ notBefore, mustRoute }: Outgoing): boolean =>
  notBefore !== undefined || mustRoute === true

/** Half of a hash of 256 bits tells as many apart as anybody will publish, in half of the memory. */
const dedupeOf = ({ dedupeId = '' }: Outgoing): string => dedupeId.slice(0, 22)

function storeArguments(o: PublishingOptions, batch: readonly Outgoing[]): Argument[] {
  const args: Argument[] = [o.dedupeWindow, batch.length]
  if (o.dedupeWindow > 0) for (const message of batch) args.push(dedupeOf(message))
  for (const message of batch) {
    const fields = fieldsOf(o.mode, message)
    args.push(fields.length, ...fields)
  }
  return args
}

function specialArguments(o: PublishingOptions, batch: readonly Outgoing[]): Argument[] {
  const args: Argument[] = [o.dedupeWindow]
  for (const message of batch) {
    const fields = fieldsOf(o.mode, message)
    const { notBefore = 0, mustRoute } = message
    args.push(dedupeOf(message), notBefore, mustRoute === true ? '1' : '0', fields.length, ...fields)
  }
  return args
}

function resultOf(answer: Buffer): PublishResult {
  const text = answer.toString('latin1')
  switch (text.charCodeAt(0)) {
    case 0x3d: // =
      return { status: 'confirmed', duplicate: true }
    case 0x64: // d
      return { status: 'confirmed' }
    case 0x3f: {
      const remedy = 'subscribe a group first, or leave mustRoute out'
      return {
        status: 'failed',
        error: new BusError('UNROUTABLE', 'no group receives this topic', { remedy }),
      }
    }
    case 0x2d: // -
      return { status: 'failed', error: replyError(answer.toString('utf8', 1)) }
  }
  return { status: 'confirmed', position: text }
}
