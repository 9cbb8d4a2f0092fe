import type { Retention, TopicSpec } from '@busbar/core/adapter'
import type { Names } from '../names.ts'
import type { ResolvedOptions } from '../options.ts'

const NANOS = 1_000_000
export const nanos = (milliseconds: number): number => milliseconds * NANOS
export const millis = (nanoseconds: number): number => Math.round(nanoseconds / NANOS)

export interface StreamSource {
  readonly name: string
  readonly opt_start_seq?: number
  readonly opt_start_time?: string
}

/** The part of a stream's configuration that Busbar sets or compares. */
export interface StreamConfig {
  readonly name: string
  readonly subjects?: readonly string[]
  readonly retention: 'limits' | 'workqueue' | 'interest'
  readonly storage: 'file' | 'memory'
  readonly num_replicas: number
  readonly max_age: number
  readonly max_bytes: number
  readonly max_msgs: number
  readonly max_msgs_per_subject?: number
  readonly discard: 'old' | 'new'
  readonly duplicate_window: number
  readonly allow_direct: boolean
  readonly sources?: readonly StreamSource[]
  readonly metadata: Readonly<Record<string, string>>
}

export interface StreamInfo {
  readonly config: StreamConfig
  readonly created: string
  /** `active`: nanoseconds since a source was last heard of; -1 when it is not set up yet. */
  readonly sources?: readonly { readonly name: string; readonly active: number }[]
  readonly state: {
    readonly messages: number
    readonly first_seq: number
    readonly last_seq: number
    readonly consumer_count: number
    readonly subjects?: Readonly<Record<string, number>>
  }
}

export interface ConsumerConfig {
  readonly durable_name: string
  readonly name: string
  readonly deliver_policy: 'all' | 'new' | 'by_start_sequence' | 'by_start_time'
  readonly opt_start_seq?: number
  readonly opt_start_time?: string
  readonly filter_subject?: string
  readonly filter_subjects?: readonly string[]
  readonly deliver_subject?: string
  readonly ack_policy: 'explicit' | 'none'
  readonly ack_wait?: number
  readonly max_deliver: number
  readonly max_ack_pending?: number
  readonly replay_policy: 'instant'
  readonly inactive_threshold?: number
  readonly metadata?: Readonly<Record<string, string>>
}

export interface ConsumerInfo {
  readonly name: string
  readonly config: ConsumerConfig
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number }
  readonly ack_floor: { readonly stream_seq: number }
  readonly num_ack_pending: number
  readonly num_pending: number
  readonly num_redelivered: number
}

export type StreamKind = 'topic' | 'pattern' | 'broadcast' | 'dead' | 'state'

export const KIND = 'busbar-kind'
export const PREFIX = 'busbar-prefix'
export const TOPIC = 'busbar-topic'
export const GROUP = 'busbar-group'
export const ORDERED = 'busbar-ordered'
export const PARTITIONS = 'busbar-partitions'
export const BEGUN = 'busbar-begun'

/** Waiting retries and delayed events are deliveries that the group owes: no number of them may hold up others. */
const NO_LIMIT = -1

export function streamConfigs(names: Names, prefix: string, options: ResolvedOptions) {
  const stream = (
    kind: StreamKind,
    name: string,
    own: Partial<StreamConfig>,
    metadata: Record<string, string> = {},
  ): StreamConfig => ({
    name,
    retention: 'limits',
    storage: options.storage,
    num_replicas: options.replicas,
    max_age: 0,
    max_bytes: NO_LIMIT,
    max_msgs: NO_LIMIT,
    discard: 'old',
    duplicate_window: nanos(options.dedupeWindow),
    allow_direct: true,
    metadata: { [KIND]: kind, [PREFIX]: prefix, ...metadata },
    ...own,
  })
  return {
    topic: (spec: TopicSpec) =>
      stream(
        'topic',
        names.topicStream(spec.topic),
        {
          subjects:
            spec.address === undefined
              ? names.topicSubjects(spec.topic)
              : [spec.address, `${names.inboxBase(spec.topic)}>`],
          ...limits(spec.retention, options),
        },
        { [TOPIC]: spec.topic, [ORDERED]: String(spec.ordered), [PARTITIONS]: String(spec.partitions) },
      ),
    dead: (topic: string) =>
      stream(
        'dead',
        names.deadStream(topic),
        { subjects: [names.deadSubjects(topic)], max_age: nanos(options.deadLetterAge) },
        { [TOPIC]: topic },
      ),
    state: () =>
      stream('state', names.stateStream, { subjects: names.stateSubjects, max_msgs_per_subject: 1 }),
    /** Holds a group's own copies until they are acked. */
    pattern: (pattern: string, group: string, sources: readonly StreamSource[]) => {
      const name = names.patternStream(pattern, group)
      return stream(
        'pattern',
        name,
        { subjects: [names.patternInbox(name)], retention: 'workqueue', sources },
        { [TOPIC]: pattern, [GROUP]: group },
      )
    },
    /** Lives as long as one subscription; bounded, should its process die. */
    broadcast: (pattern: string, id: string, sources: readonly StreamSource[]) => {
      const name = names.broadcastStream(pattern, id)
      const subjects = [names.patternInbox(name)]
      return stream('broadcast', name, { subjects, max_age: nanos(600_000), sources }, { [TOPIC]: pattern })
    },
  }
}

export type StreamConfigs = ReturnType<typeof streamConfigs>

/** A topic's own retention replaces the adapter's default as a whole. */
function limits(retention: Retention | undefined, { retention: own }: ResolvedOptions) {
  const { age, bytes, count } = retention ?? own
  return {
    max_age: age === undefined || !Number.isFinite(age) ? 0 : nanos(age),
    max_bytes: bounded(bytes),
    max_msgs: bounded(count),
  }
}

const bounded = (limit: number | undefined): number =>
  limit === undefined || limit === 0 || !Number.isFinite(limit) ? NO_LIMIT : limit

export function consumerConfig(
  name: string,
  ackWait: number,
  start: Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq' | 'opt_start_time'>,
  own: Partial<ConsumerConfig> = {},
): ConsumerConfig {
  return {
    durable_name: name,
    name,
    ack_policy: 'explicit',
    ack_wait: nanos(ackWait),
    // No limit of the server's: its count also charges neighbours of a crash, and it would skip what is to be kept.
    max_deliver: -1,
    max_ack_pending: NO_LIMIT,
    replay_policy: 'instant',
    ...start,
    ...own,
  }
}

/** A cursor of an ordered group on one of its lanes: what is settled is in the lane's claim. */
export const LANE_CONSUMER = { ack_policy: 'none', max_deliver: -1, replay_policy: 'instant' } as const
