import type { Drift, Topology } from '@busbar/core/adapter'
import { texts } from '../consuming/replies.ts'
import { declarationOf, FIELDS, limitsOf, type TopologyContext } from './topology.ts'

export async function verify(o: TopologyContext, { topics, groups }: Topology): Promise<Drift[]> {
  const drifts: Drift[] = []
  for (const spec of topics) {
    const found = await declarationOf(o, spec.topic)
    const name = o.names.topic(spec.topic).stream
    if (found.ordered === undefined) {
      drifts.push({ kind: 'missing', name, remedy: 'declare the topic' })
      continue
    }
    const limits = limitsOf(spec.retention, o.retention)
    const wanted: Record<string, string> = {
      ordered: String(spec.ordered),
      partitions: String(spec.partitions),
    }
    if (spec.retention !== undefined) for (const field of FIELDS) wanted[field] = String(limits[field])
    for (const [field, expected] of Object.entries(wanted)) {
      const actual = found[field] ?? 'nothing'
      const shown = FIELDS.includes(field as 'age') ? `retention.${field}` : field
      if (actual !== expected)
        drifts.push({
          kind: 'different',
          name,
          expected: `${shown} ${expected}`,
          actual: `${shown} ${actual}`,
          remedy: 'change the declaration, or declare the topic under another name',
        })
    }
  }
  const wanted = new Set(groups.filter(g => g.kind === 'events').map(g => `${g.topic} ${g.group}`))
  const known = new Set([
    ...texts(await o.link.call('SMEMBERS', [o.names.topics])),
    ...groups.map(g => g.topic),
  ])
  for (const topic of known) {
    const existing = texts(await o.link.call('HKEYS', [o.names.topic(topic).groups]))
    for (const group of existing) {
      if (wanted.delete(`${topic} ${group}`)) continue
      drifts.push({
        kind: 'orphan',
        name: o.names.group(topic, group).inbox,
        remedy: `subscribe it, or remove it: XGROUP DESTROY ${o.names.topic(topic).stream} ${group}, HDEL ${o.names.topic(topic).groups} ${group}`,
      })
    }
  }
  for (const missing of wanted) {
    const [topic = '', group = ''] = missing.split(' ')
    drifts.push({ kind: 'missing', name: o.names.group(topic, group).inbox, remedy: 'declare the group' })
  }
  return drifts
}
