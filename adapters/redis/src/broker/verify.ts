import type { Drift, TopicSpec, Topology } from '@busbar/core/adapter'
import { texts } from '../consuming/replies.ts'
import { declarationOf, FIELDS, groupsOn, limitsOf, type TopologyContext } from './topology.ts'

/** What is missing, different or orphaned. Changes nothing. */
export async function verify(o: TopologyContext, { topics, groups }: Topology): Promise<Drift[]> {
  const wanted = new Map<string, Set<string>>()
  for (const topic of texts(await o.link.call('SMEMBERS', [o.names.topics]))) wanted.set(topic, new Set())
  for (const { kind, topic, group } of groups)
    if (kind === 'events') wanted.set(topic, (wanted.get(topic) ?? new Set()).add(group))
  const drifts = await Promise.all([
    ...topics.map(spec => topicDrifts(o, spec)),
    ...[...wanted].map(([topic, names]) => groupDrifts(o, topic, names)),
  ])
  return drifts.flat()
}

async function topicDrifts(o: TopologyContext, spec: TopicSpec): Promise<Drift[]> {
  const found = await declarationOf(o, spec.topic)
  const name = o.names.topic(spec.topic).stream
  if (found.ordered === undefined) return [{ kind: 'missing', name, remedy: 'declare the topic' }]
  const wanted: Record<string, string> = {
    ordered: String(spec.ordered),
    partitions: String(spec.partitions),
  }
  const limits = limitsOf(spec.retention, o.retention)
  if (spec.retention !== undefined)
    for (const field of FIELDS) wanted[`retention.${field}`] = String(limits[field])
  return Object.entries(wanted).flatMap(([field, expected]): Drift[] => {
    const actual = found[field.replace('retention.', '')] ?? 'nothing'
    if (actual === expected) return []
    const remedy = 'change the declaration, or declare the topic under another name'
    return [
      { kind: 'different', name, expected: `${field} ${expected}`, actual: `${field} ${actual}`, remedy },
    ]
  })
}

/** Our own record of groups is compared with those that the stream has: somebody may have made or destroyed one by hand. */
async function groupDrifts(o: TopologyContext, topic: string, wanted: ReadonlySet<string>): Promise<Drift[]> {
  const { stream, groups } = o.names.topic(topic)
  const inStream = await groupsOn(o.link, stream)
  const drifts: Drift[] = []
  for (const group of wanted) {
    const { inbox } = o.names.group(topic, group)
    if (inStream.has(group) && (await groupsOn(o.link, inbox)).has(group)) continue
    const name = inStream.has(group) ? inbox : `${stream} ${group}`
    drifts.push({ kind: 'missing', name, remedy: `declare the group "${group}"` })
  }
  const recorded = texts(await o.link.call('HKEYS', [groups]))
  for (const group of new Set([...recorded, ...inStream])) {
    if (wanted.has(group)) continue
    const remedy = `subscribe it, or remove it: XGROUP DESTROY ${stream} ${group}, HDEL ${groups} ${group}`
    drifts.push({ kind: 'orphan', name: o.names.group(topic, group).inbox, remedy })
  }
  return drifts
}
