/** How long a topic's events are kept for groups and for replay. Absent: the broker's own default. */
export interface Retention {
  /** Milliseconds. */
  readonly age?: number
  readonly bytes?: number
  readonly count?: number
}

/** What a topic asks of the broker. */
export interface TopicSpec {
  readonly topic: string
  readonly ordered: boolean
  readonly partitions: number
  readonly retention?: Retention
  /** An existing exchange, subject, stream, queue or Kafka topic to use instead of a name of ours. */
  readonly address?: string
}

export interface GroupSpec {
  readonly kind: 'events' | 'requests'
  readonly topic: string
  readonly group: string
}

export interface Topology {
  readonly topics: readonly TopicSpec[]
  readonly groups: readonly GroupSpec[]
}

/** `declare`: create what is missing. `verify`: change nothing, report. `none`: touch nothing. */
export type TopologyMode = 'declare' | 'verify' | 'none'

/** One difference between what was asked for and what the broker has. */
export interface Drift {
  readonly kind: 'missing' | 'different' | 'orphan'
  /** The broker's name of it. */
  readonly name: string
  readonly expected?: string
  readonly actual?: string
  readonly remedy: string
}
