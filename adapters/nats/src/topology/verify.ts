import { type Drift, isPattern, type TopicSpec, type Topology } from '@busbar/core/adapter'
import { lanesOfStream } from '../consuming/ordered/lane-stats.ts'
import type { JetStreamApi } from '../link/api.ts'
import type { Names } from '../names.ts'
import { consumerRows } from './compatibility.ts'
import {
  type ConsumerInfo,
  GROUP,
  KIND,
  millis,
  ORDERED,
  PARTITIONS,
  type StreamConfigs,
  type StreamInfo,
  TOPIC,
} from './config.ts'
import type { Provisioner } from './provisioner.ts'

/** Compares what topics and groups need with what the server has; changes nothing. */
export async function compare(
  topology: Topology,
  provisioner: Provisioner,
  api: JetStreamApi,
  names: Names,
  configs: StreamConfigs,
): Promise<Drift[]> {
  const drifts: Drift[] = []
  for (const spec of topology.topics) {
    const info = await provisioner.stream(names.topicStream(spec.topic))
    if (info === undefined) {
      drifts.push({ kind: 'missing', name: names.topicStream(spec.topic), remedy: 'declare the topic' })
    } else drifts.push(...differences(info, spec, configs))
    const dead = names.deadStream(spec.topic)
    if (info !== undefined && (await provisioner.stream(dead)) === undefined)
      drifts.push({ kind: 'missing', name: dead, remedy: 'declare the topic' })
  }
  const wanted = new Set<string>()
  for (const { kind, topic, group } of topology.groups) {
    if (kind === 'requests') continue
    const place = provisioner.placeOf(topic, group)
    wanted.add(place.consumer)
    const stream = isPattern(topic) ? undefined : await provisioner.stream(place.stream)
    if (stream?.config.metadata?.[ORDERED] === 'true')
      for (const lane of lanesOfStream(names, { topic, group }, stream)) wanted.add(lane.consumer)
    const name = `${place.stream}/${place.consumer}`
    const consumer = await provisioner.consumer(place)
    if (consumer === undefined) drifts.push({ kind: 'missing', name, remedy: 'declare the group' })
    else drifts.push(...consumerDifferences(name, consumer))
  }
  for (const { topic } of topology.topics)
    drifts.push(...(await orphans(names.topicStream(topic), wanted, api)))
  for (const { config } of await patternStreams(provisioner)) {
    const { consumer } = provisioner.placeOf(config.metadata[TOPIC] ?? '', config.metadata[GROUP] ?? '')
    if (!wanted.has(consumer)) drifts.push(orphan(config.name))
  }
  return drifts
}

async function patternStreams(provisioner: Provisioner): Promise<StreamInfo[]> {
  const all = await provisioner.streams()
  return all.filter(
    ({ config: { metadata } }) =>
      metadata[KIND] === 'pattern' && isPattern(metadata[TOPIC] ?? '') && metadata[GROUP] !== undefined,
  )
}

/** Durables that nobody here names; a broadcast's consumer goes by itself. */
async function orphans(stream: string, wanted: ReadonlySet<string>, api: JetStreamApi): Promise<Drift[]> {
  if ((await api.find(`STREAM.INFO.${stream}`)) === undefined) return []
  const consumers = await api.list<ConsumerInfo>(`CONSUMER.LIST.${stream}`, 'consumers')
  return consumers
    .filter(
      ({ name, config }) =>
        !wanted.has(name) && config.durable_name !== undefined && !config.inactive_threshold,
    )
    .map(({ name }) => orphan(`${stream}/${name}`))
}

const orphan = (name: string): Drift => ({
  kind: 'orphan',
  name,
  remedy: 'subscribe it, or delete the consumer: its backlog grows until the retention ends it',
})

const consumerDifferences = (name: string, info: ConsumerInfo): Drift[] =>
  consumerRows(info)
    .filter(([, , fits]) => !fits)
    .map(([field, actual, , wanted]) => ({
      kind: 'different',
      name,
      expected: `${field} ${wanted}`,
      actual: `${field} ${actual}`,
      remedy: 'change the consumer with the NATS command line',
    }))

function differences(info: StreamInfo, spec: TopicSpec, configs: StreamConfigs): Drift[] {
  const have = info.config
  const want = configs.topic(spec)
  const rows: [field: string, expected: unknown, actual: unknown][] = [
    ['ordered', String(spec.ordered), have.metadata?.[ORDERED] ?? 'unknown'],
    ['partitions', String(spec.partitions), have.metadata?.[PARTITIONS] ?? 'unknown'],
    ['subjects', [...(want.subjects ?? [])].sort().join(' '), [...(have.subjects ?? [])].sort().join(' ')],
    ['replicas', want.num_replicas, have.num_replicas],
    ['storage', want.storage, have.storage],
    ['retention policy', want.retention, have.retention],
    ['discard', want.discard, have.discard],
  ]
  const { retention } = spec
  if (retention?.age !== undefined) rows.push(['retention.age', millis(want.max_age), millis(have.max_age)])
  if (retention?.bytes !== undefined) rows.push(['retention.bytes', want.max_bytes, have.max_bytes])
  if (retention?.count !== undefined) rows.push(['retention.count', want.max_msgs, have.max_msgs])
  return rows
    .filter(([, expected, actual]) => expected !== actual)
    .map(([field, expected, actual]) => ({
      kind: 'different',
      name: have.name,
      expected: `${field} ${expected}`,
      actual: `${field} ${actual}`,
      remedy: 'change the declaration, or the stream with the NATS command line',
    }))
}
