import type { JetStreamApi } from '../../link/api.ts'
import type { Names } from '../../names.ts'
import { type ConsumerInfo, PARTITIONS, type StreamInfo } from '../../topology/config.ts'
import type { Place } from '../../topology/provisioner.ts'
import { Claims } from './claims.ts'
import { type Lane, lanesOf } from './lane.ts'

export interface LaneCounts {
  /** Not with core yet. */
  readonly ready: number
  /** With core, or waiting for their retry or their predecessor. */
  readonly open: number
}

/** What an ordered group has to do, over all of its lanes, as of their last writes. */
export async function countLanes(
  api: JetStreamApi,
  names: Names,
  place: Place,
  query: { readonly topic: string; readonly group: string },
  stream: StreamInfo,
): Promise<LaneCounts> {
  const claims = new Claims(api, names, place.consumer)
  const lanes = lanesOfStream(names, query, stream)
  const counts = await Promise.all(lanes.map(lane => countLane(api, claims, place, lane)))
  return counts.reduce((sum, { ready, open }) => ({ ready: sum.ready + ready, open: sum.open + open }), {
    ready: 0,
    open: 0,
  })
}

/** As the topic was declared, by whomever. */
export function lanesOfStream(
  names: Names,
  { topic, group }: { readonly topic: string; readonly group: string },
  { config }: StreamInfo,
): Lane[] {
  const partitions = Number(config.metadata[PARTITIONS] ?? 1)
  const first = config.subjects?.[0]
  const address = first === names.topicSubject(topic, 0, 1) ? undefined : first
  return lanesOf(names, { topic, group, partitions }, address)
}

async function countLane(
  api: JetStreamApi,
  claims: Claims,
  { stream, consumer }: Place,
  lane: Lane,
): Promise<LaneCounts> {
  const [claim, cursor, group] = await Promise.all([
    claims.read(lane.id),
    api.find<ConsumerInfo>(`CONSUMER.INFO.${stream}.${lane.consumer}`),
    api.find<ConsumerInfo>(`CONSUMER.INFO.${stream}.${consumer}`),
  ])
  const { top = group?.delivered.stream_seq ?? 0, open = [], ahead = 0 } = claim?.state ?? {}
  const unread = cursor?.num_pending ?? (await countFrom(api, stream, lane, top + 1))
  return { ready: unread + ahead, open: open.length }
}

/** Nobody has read the lane yet: the server counts for a consumer that is made for it, and goes by itself. */
async function countFrom(api: JetStreamApi, stream: string, lane: Lane, sequence: number): Promise<number> {
  const name = `${lane.consumer}-count`
  const config = {
    name,
    filter_subject: lane.subject,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: sequence,
    ack_policy: 'none',
    inactive_threshold: 5_000_000_000,
    mem_storage: true,
    num_replicas: 1,
  }
  const path = `CONSUMER.CREATE.${stream}.${name}.${lane.subject}`
  const { num_pending } = await api.call<ConsumerInfo>(path, { stream_name: stream, config })
  return num_pending
}
