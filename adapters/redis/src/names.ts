import { NAME_RULES, type NameKind, physicalName } from '@busbar/core/adapter'

/** The keys of one topic. All share a hash tag, so that a script may touch any of them in a cluster. */
export interface TopicKeys {
  readonly stream: string
  readonly delayed: string
  readonly delayedBodies: string
  readonly dedupe: string
  /** Hash of the groups of the topic: `declared`, or `begun` once somebody has subscribed. */
  readonly groups: string
  /** Sorted set of broadcast subscriptions, scored by when they are taken for dead. */
  readonly readers: string
  /** Sorted set of responders, likewise. */
  readonly responders: string
  /** Hash of the topic's declaration. */
  readonly declaration: string
}

export interface GroupKeys {
  readonly stream: string
  readonly inbox: string
  readonly delayed: string
  readonly delayedBodies: string
  readonly dead: string
  readonly marks: string
  readonly requests: string
  readonly locks: string
  readonly waiting: string
  readonly ready: string
  readonly backoff: string
  readonly retryMeta: string
  readonly wake: string
}

/** All names of one prefix on the server, made once for each topic and group. */
export class Names {
  readonly #prefix: string
  readonly #addresses = new Map<string, string>()
  readonly #topics = new Map<string, TopicKeys>()
  readonly #groups = new Map<string, GroupKeys>()
  /** Set of the prefix's topics. */
  readonly topics: string

  constructor(prefix: string) {
    this.#prefix = prefix
    this.topics = physicalName(NAME_RULES.redis, { prefix, kind: 'state', qualifier: 'topics' })
  }

  /** Uses an existing stream for a topic. */
  address(topic: string, address: string): void {
    if (this.#addresses.get(topic) === address) return
    this.#addresses.set(topic, address)
    this.#topics.delete(topic)
    for (const name of this.#groups.keys()) if (name.startsWith(`${topic} `)) this.#groups.delete(name)
  }

  topic(topic: string): TopicKeys {
    let keys = this.#topics.get(topic)
    if (keys !== undefined) return keys
    const name = (kind: NameKind, qualifier?: string) =>
      physicalName(NAME_RULES.redis, {
        prefix: this.#prefix,
        kind,
        topic,
        ...(qualifier === undefined ? {} : { qualifier }),
      })
    keys = {
      stream: this.#addresses.get(topic) ?? name('topic'),
      delayed: name('delay'),
      delayedBodies: name('delay', 'bodies'),
      dedupe: name('state', 'dedupe'),
      groups: name('state', 'groups'),
      readers: name('state', 'readers'),
      responders: name('state', 'responders'),
      declaration: name('state', 'topic'),
    }
    this.#topics.set(topic, keys)
    return keys
  }

  group(topic: string, group: string): GroupKeys {
    const id = `${topic} ${group}`
    let keys = this.#groups.get(id)
    if (keys !== undefined) return keys
    const name = (kind: NameKind, qualifier?: string) =>
      physicalName(NAME_RULES.redis, {
        prefix: this.#prefix,
        kind,
        topic,
        group,
        ...(qualifier === undefined ? {} : { qualifier }),
      })
    keys = {
      stream: this.topic(topic).stream,
      inbox: name('inbox'),
      delayed: name('delay'),
      delayedBodies: name('delay', 'bodies'),
      dead: name('dead'),
      marks: name('state', 'marks'),
      requests: name('request'),
      locks: name('state', 'locks'),
      waiting: name('state', 'waiting'),
      ready: name('state', 'ready'),
      backoff: name('state', 'backoff'),
      retryMeta: name('retry', 'meta'),
      wake: name('state', 'wake'),
    }
    this.#groups.set(id, keys)
    return keys
  }

  /** A channel for replies to one process. */
  reply(id: string): string {
    return physicalName(NAME_RULES.redis, { prefix: this.#prefix, kind: 'reply', qualifier: id })
  }

  /** Whether a channel is one that `reply` makes for this prefix. */
  isReply(address: string): boolean {
    const id = /\.q([A-Za-z0-9-]{1,40})$/.exec(address)?.[1]
    return id !== undefined && this.reply(id) === address
  }
}
