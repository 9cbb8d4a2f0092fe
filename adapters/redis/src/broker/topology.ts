import type { GroupSpec, Retention, TopicSpec, Topology } from '@busbar/core/adapter'
import { BusError, type Issue, issuesError } from '@busbar/core/adapter'
import type { Link } from '../connection/link.ts'
import { texts } from '../consuming/replies.ts'
import { isReplyError } from '../errors.ts'
import type { Names } from '../names.ts'
import { type ResolvedOptions, UNLIMITED } from '../options.ts'
import { JOIN } from '../scripts/recover.ts'

export type Limits = ResolvedOptions['retention']
export const FIELDS = ['count', 'age', 'bytes'] as const

export interface TopologyContext {
  readonly link: Link
  readonly names: Names
  readonly retention: Limits
  /** What a topic keeps, once it is declared. */
  readonly onRetention: (topic: string, limits: Limits) => void
}

type Hash = Readonly<Record<string, string>>

export async function declare(o: TopologyContext, { topics, groups }: Topology): Promise<void> {
  const found = await Promise.all(topics.map(spec => declarationOf(o, spec.topic)))
  const issues = topics.flatMap((spec, i) => incompatibilities(spec, found[i] as Hash))
  const types = await Promise.all(topics.map(spec => o.link.call('TYPE', [o.names.topic(spec.topic).stream])))
  topics.forEach((spec, i) => {
    const type = String(types[i])
    if (type === 'none' || type === 'stream') return
    issues.push({
      field: `topics.${spec.topic}`,
      problem: `${o.names.topic(spec.topic).stream} is a ${type} on the server, not a stream`,
      remedy: 'use another prefix, topic or address, or remove the key',
    })
  })
  if (issues.length > 0) throw issuesError('TOPOLOGY_INCOMPATIBLE', 'redis', issues)
  await Promise.all(topics.map((spec, i) => declareTopic(o, spec, found[i] as Hash)))
  await Promise.all(
    groups.filter(({ kind }) => kind === 'events').map(spec => joinGroup(o, spec, '$', false)),
  )
}

/** Makes a group or finds it. @returns whether it is new. */
export async function joinGroup(
  o: Pick<TopologyContext, 'link' | 'names'>,
  { topic, group }: Pick<GroupSpec, 'topic' | 'group'>,
  start: string,
  begins: boolean,
): Promise<boolean> {
  const { groups } = o.names.topic(topic)
  const { stream, inbox } = o.names.group(topic, group)
  await o.link.call('SADD', [o.names.topics, topic])
  return Number(await o.link.run(JOIN, [stream, inbox, groups], [group, start, begins ? '1' : '0'])) === 1
}

async function declareTopic(o: TopologyContext, spec: TopicSpec, found: Hash): Promise<void> {
  const { declaration } = o.names.topic(spec.topic)
  const limits = widened(limitsOf(spec.retention, o.retention), found)
  const fields = FIELDS.flatMap(name => [name, String(limits[name])])
  await o.link.call('SADD', [o.names.topics, spec.topic])
  await o.link.call('HSET', [
    declaration,
    'ordered',
    String(spec.ordered),
    'partitions',
    String(spec.partitions),
    ...fields,
  ])
  o.onRetention(spec.topic, limits)
}

/** What is asked for, without a limit where none is named but another one is. */
export function limitsOf(asked: Retention | undefined, fallback: Limits): Limits {
  if (asked === undefined) return fallback
  return { count: asked.count ?? UNLIMITED, age: asked.age ?? UNLIMITED, bytes: asked.bytes ?? UNLIMITED }
}

/** Never narrower than what the server has. */
export function widened(asked: Limits, found: Hash): Limits {
  const wider = (name: (typeof FIELDS)[number]) => {
    const have = found[name] === undefined ? undefined : Number(found[name])
    if (have === undefined) return asked[name]
    return have === UNLIMITED || asked[name] === UNLIMITED ? UNLIMITED : Math.max(have, asked[name])
  }
  return { count: wider('count'), age: wider('age'), bytes: wider('bytes') }
}

export async function declarationOf(o: TopologyContext, topic: string): Promise<Hash> {
  return hashOf(await o.link.call('HGETALL', [o.names.topic(topic).declaration]))
}

function hashOf(reply: unknown): Hash {
  const flat = texts(reply)
  const hash: Record<string, string> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) hash[flat[i] as string] = flat[i + 1] as string
  return hash
}

function incompatibilities(spec: TopicSpec, found: Hash): Issue[] {
  const remedy = 'use the declaration it was created with, or another topic'
  return (['ordered', 'partitions'] as const)
    .filter(field => found[field] !== undefined && found[field] !== String(spec[field]))
    .map(field => ({
      field: `topics.${spec.topic}.${field}`,
      problem: `is ${found[field]} on the server, and ${spec[field]} here`,
      remedy,
    }))
}

/** The consumer groups that a stream has, whatever our own records say of it. */
export async function groupsOn(link: Link, stream: string): Promise<ReadonlySet<string>> {
  try {
    const groups = (await link.call('XINFO', ['GROUPS', stream])) as readonly unknown[]
    return new Set(groups.map(group => hashOf(group).name ?? ''))
  } catch (error) {
    if (isReplyError(error) && /no such key/.test(error.message)) return new Set()
    throw error
  }
}

/**
 * For a bus that may not create the group: JOIN would.
 * @throws BusError TOPOLOGY_MISSING
 */
export async function subscribedOrThrow(o: TopologyContext, topic: string, group: string): Promise<void> {
  const { stream, inbox } = o.names.group(topic, group)
  for (const name of [stream, inbox])
    if (!(await groupsOn(o.link, name)).has(group)) throw groupMissing(topic, group)
}

/** @throws BusError TOPOLOGY_MISSING */
export async function groupOrThrow(
  o: Pick<TopologyContext, 'link' | 'names'>,
  { topic, group }: { readonly topic: string; readonly group: string },
): Promise<void> {
  if (Number(await o.link.call('HEXISTS', [o.names.topic(topic).groups, group])) === 1) return
  throw groupMissing(topic, group)
}

const groupMissing = (topic: string, group: string) =>
  new BusError('TOPOLOGY_MISSING', `topic "${topic}" has no group "${group}" in Redis`, {
    remedy: 'subscribe the group with topology "declare", or declare it',
  })
