import { NAME_RULES, type NameRules, physicalName } from '@busbar/core/adapter'
import { LEVELS } from './delay-levels.ts'

/** A delayed message's routing key holds a bit and a dot for each level in front of a name, and has 255 bytes. */
export const RULES: NameRules = { ...NAME_RULES.rabbitmq, maxLength: 255 - 2 * LEVELS - 8 }

/** All names under one prefix. Asked for each publish, so they are kept. */
export class Names {
  readonly prefix: string
  readonly #topics = new Map<string, string>()
  readonly #keys = new Map<string, string>()

  constructor(prefix: string) {
    this.prefix = prefix
  }

  exchange(topic: string): string {
    return kept(this.#topics, topic, () => physicalName(RULES, { prefix: this.prefix, kind: 'topic', topic }))
  }

  /** Ends in the topic itself, behind a word that no topic has: what wildcard groups match against. */
  routingKey(topic: string): string {
    return kept(this.#keys, topic, () => `${this.#mark}.${topic}`)
  }

  partitionKey(topic: string, partition: number): string {
    return `p${partition}.${this.routingKey(topic)}`
  }

  partitionPattern(partition: number): string {
    return `#.p${partition}.${this.#mark}.#`
  }

  /** `**` is one or more segments, AMQP's `#` none or more. */
  topicPattern(pattern: string): string {
    return `#.${this.#mark}.${pattern
      .split('.')
      .map(part => (part === '**' ? '*.#' : part))
      .join('.')}`
  }

  topicOf(routingKey: string): string | undefined {
    const mark = `${this.#mark}.`
    if (routingKey.startsWith(mark)) return routingKey.slice(mark.length)
    const at = routingKey.indexOf(`.${mark}`)
    return at === -1 ? undefined : routingKey.slice(at + mark.length + 1)
  }

  get #mark(): string {
    return `${this.prefix}___`
  }

  get wildcardExchange(): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'topic' })
  }

  /** Says, by its alternate exchange's name, how many partitions the topic has: exchanges of RabbitMQ have no arguments of ours. */
  partitionsMark(topic: string): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'state', topic })
  }

  partitionsValue(topic: string, partitions: number): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'state', topic, partition: partitions })
  }

  queue(topic: string, group: string, partition?: number): string {
    return physicalName(RULES, {
      prefix: this.prefix,
      kind: 'queue',
      topic,
      group,
      ...(partition === undefined ? {} : { partition }),
    })
  }

  dead(topic: string, group: string): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'dead', topic, group })
  }

  /** One subscription without a group. */
  broadcast(topic: string, id: string): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'queue', topic, qualifier: id })
  }

  /** Failures and backoffs of the unsettled messages of one partition's queue. */
  held(topic: string, group: string, partition: number): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'state', topic, group, partition })
  }

  /** Exclusive: one member of an ordered group has it. */
  seat(topic: string, group: string, seat: number): string {
    return physicalName(RULES, {
      prefix: this.prefix,
      kind: 'state',
      topic,
      group,
      qualifier: `member-${seat}`,
    })
  }

  /** The routing key of what an ordered group's members tell each other. */
  members(topic: string, group: string): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'state', topic, group, qualifier: 'members' })
  }

  /** Exclusive: where one member of an ordered group hears of others. */
  member(topic: string, group: string, id: string): string {
    return physicalName(RULES, {
      prefix: this.prefix,
      kind: 'state',
      topic,
      group,
      qualifier: `member-${id}`,
    })
  }

  /** One suspect's, while it is handled. */
  suspect(topic: string, group: string, id: string): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'state', topic, group, qualifier: id })
  }

  requestExchange(topic: string): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'request', topic })
  }

  requestQueue(topic: string, group: string): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'request', topic, group })
  }

  /** Remembers which topics and groups were made, since AMQP cannot list them. */
  get registry(): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'state' })
  }

  /** Exclusive: whose turn it is to read the registry. */
  get turn(): string {
    return physicalName(RULES, { prefix: this.prefix, kind: 'state', qualifier: 'turn' })
  }
}

/** Delay levels are shared by all prefixes of a virtual host. */
const shared = (kind: 'delay' | 'dead', qualifier: string) =>
  physicalName(RULES, { prefix: '', kind, qualifier })

export const DELAY = {
  level: (level: number) => shared('delay', `level-${level}`),
  /** The end of the levels: from here to queues and topics. */
  due: shared('delay', 'due'),
  /** Declared last, so that its presence says that the rest is there. */
  complete: shared('delay', 'complete'),
  /** Where due messages go whose queue or topic is no more. */
  homeless: shared('dead', 'homeless'),
} as const

const MOST_KEPT = 10_000

function kept(table: Map<string, string>, key: string, make: () => string): string {
  const known = table.get(key)
  if (known !== undefined) return known
  const made = make()
  if (table.size < MOST_KEPT) table.set(key, made)
  return made
}
