import type { Drift, TopicSpec, Topology, TopologyMode } from '@busbar/core/adapter'
import { type Issue, issuesError } from '@busbar/core/adapter'
import type { Namespace } from './namespace.ts'
import { retentionLimits, type Topic } from './topic.ts'

/**
 * Creates or compares. Groups of responders are not part of it: they exist while somebody responds.
 * @throws BusError TOPOLOGY_INCOMPATIBLE, before anything is created.
 */
export function applyTopology(namespace: Namespace, topology: Topology, mode: TopologyMode): Drift[] {
  if (mode === 'none') return []
  if (mode === 'verify') return compare(namespace, topology)
  const issues = topology.topics.flatMap(spec => {
    const topic = namespace.server.existingTopic(namespace, spec)
    return topic === undefined ? [] : incompatibilities(topic, spec)
  })
  if (issues.length > 0) throw issuesError('TOPOLOGY_INCOMPATIBLE', 'memory broker', issues)
  for (const spec of topology.topics) {
    if (!namespace.topics.has(spec.topic)) namespace.addTopic(spec)
    namespace.topics.get(spec.topic)?.widen(spec.retention)
  }
  for (const { kind, topic, group } of topology.groups)
    if (kind === 'events') namespace.addGroup(topic, group)
  return []
}

function incompatibilities(topic: Topic, spec: TopicSpec): Issue[] {
  const remedy = 'use the declaration it was created with, or another topic'
  const issues: Issue[] = []
  const differ = (field: 'ordered' | 'partitions') => {
    if (topic[field] === spec[field]) return
    const problem = `is ${topic[field]} on the broker, and ${spec[field]} here`
    issues.push({ field: `topics.${spec.topic}.${field}`, problem, remedy })
  }
  differ('ordered')
  differ('partitions')
  return issues
}

function compare(namespace: Namespace, topology: Topology): Drift[] {
  const drifts: Drift[] = []
  const named = (...parts: string[]) => [namespace.prefix, ...parts].filter(part => part !== '').join('/')
  for (const spec of topology.topics) {
    const topic = namespace.topics.get(spec.topic)
    const name = named(spec.topic)
    if (topic === undefined) drifts.push({ kind: 'missing', name, remedy: 'declare the topic' })
    else drifts.push(...differences(name, topic, spec))
  }
  const wanted = new Set<string>()
  for (const { kind, topic, group } of topology.groups) {
    if (kind === 'requests') continue
    const name = named(topic, group)
    wanted.add(name)
    if (namespace.group(topic, group) === undefined)
      drifts.push({ kind: 'missing', name, remedy: 'declare the group' })
  }
  for (const queue of namespace.groups) {
    const name = named(queue.topic, queue.group as string)
    if (wanted.has(name)) continue
    const remedy = 'subscribe it, or end the broker: it keeps every event that this group does not settle'
    drifts.push({ kind: 'orphan', name, remedy })
  }
  return drifts
}

function differences(name: string, topic: Topic, spec: TopicSpec): Drift[] {
  const have = topic.log.retention
  const ask = spec.retention === undefined ? have : retentionLimits(spec.retention, have)
  const rows: [field: string, expected: unknown, actual: unknown][] = [
    ['ordered', spec.ordered, topic.ordered],
    ['partitions', spec.partitions, topic.partitions],
    ['retention.age', ask.age, have.age],
    ['retention.bytes', ask.bytes, have.bytes],
    ['retention.count', ask.count, have.count],
  ]
  return rows
    .filter(([, expected, actual]) => expected !== actual)
    .map(([field, expected, actual]) => ({
      kind: 'different',
      name,
      expected: `${field} ${expected}`,
      actual: `${field} ${actual}`,
      remedy: 'change the declaration, or declare the topic under another name',
    }))
}
