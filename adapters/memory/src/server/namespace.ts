import type { StartPosition, SubscriptionSpec, TopicSpec } from '@busbar/core/adapter'
import { BusError, compilePattern, isPattern } from '@busbar/core/adapter'
import { ConsumerQueue } from './consumer-queue.ts'
import { DedupeWindow } from './dedupe-window.ts'
import { startTest } from './event-log.ts'
import { Inboxes } from './inboxes.ts'
import type { Server } from './server.ts'
import type { Topic } from './topic.ts'

/** A name of a topic and group that no other pair has: names have no space. */
const pair = (topic: string, group: string) => `${topic} ${group}`

/** Everything under one prefix. Two prefixes share nothing but the broker's budget and topics with an `address`. */
export class Namespace {
  readonly prefix: string
  readonly server: Server
  readonly topics = new Map<string, Topic>()
  readonly inboxes: Inboxes
  readonly dedupe: DedupeWindow
  readonly #groups = new Map<string, ConsumerQueue>()
  readonly #broadcasts = new Set<ConsumerQueue>()
  readonly #responders = new Map<string, ConsumerQueue>()

  constructor(prefix: string, server: Server) {
    this.prefix = prefix
    this.server = server
    this.inboxes = new Inboxes(prefix)
    this.dedupe = new DedupeWindow(server.options.dedupeWindow, server.options.dedupeCount)
  }

  get groups(): readonly ConsumerQueue[] {
    return [...this.#groups.values()]
  }

  get queues(): readonly ConsumerQueue[] {
    return [...this.#groups.values(), ...this.#broadcasts, ...this.#responders.values()]
  }

  addTopic(spec: TopicSpec): Topic {
    const topic = this.server.topicFor(spec)
    this.topics.set(spec.topic, topic)
    for (const queue of [...this.#groups.values(), ...this.#broadcasts]) {
      if (isPattern(queue.topic) && compilePattern(queue.topic)(spec.topic)) this.#connect(topic, queue)
    }
    return topic
  }

  group(topic: string, group: string): ConsumerQueue | undefined {
    return this.#groups.get(pair(topic, group))
  }

  /** @throws BusError TOPOLOGY_MISSING */
  groupOrThrow(topic: string, group: string): ConsumerQueue {
    const queue = this.group(topic, group)
    if (queue !== undefined) return queue
    throw new BusError('TOPOLOGY_MISSING', `no group "${group}" of topic "${topic}" on the memory broker`, {
      field: 'group',
      remedy: 'subscribe it or declare it first; a wildcard group goes by its pattern',
    })
  }

  /** Creates a group that gets what is published from now on. */
  addGroup(topic: string, group: string): ConsumerQueue {
    const existing = this.group(topic, group)
    if (existing !== undefined) return existing
    const matching = this.#matching(topic)
    const ordering = matching.length > 0 && matching.every(t => t.ordered) ? 'key' : 'none'
    const queue = new ConsumerQueue(this.server, { kind: 'group', topic, group, ordering })
    this.#groups.set(pair(topic, group), queue)
    for (const found of matching) this.#connect(found, queue)
    return queue
  }

  /** The queue that a subscription reads, made if need be. */
  queueFor(spec: SubscriptionSpec): ConsumerQueue {
    if (spec.kind === 'requests') return this.#responderQueue(spec.topic, spec.group as string)
    const test = spec.start === 'new' ? undefined : startTest(spec.start)
    const queue = spec.group === undefined ? this.#broadcast(spec) : this.addGroup(spec.topic, spec.group)
    if (queue.members.length === 0) queue.setOrdering(spec.ordering)
    else if (queue.ordering !== spec.ordering) throw mixedOrdering(spec)
    if (!queue.begun && test !== undefined) this.#rewind(queue, spec.start, test)
    return queue
  }

  /** The queues of responders on a topic that have somebody to answer. */
  responders(topic: string): ConsumerQueue[] {
    return [...this.#responders.values()].filter(q => q.members.length > 0 && compilePattern(q.topic)(topic))
  }

  /** The group that a redrive names, by its topic or pattern, or by the concrete topic of a wildcard group. */
  redriveTarget(topic: string, group: string): ConsumerQueue | undefined {
    const exact = this.group(topic, group)
    if (exact !== undefined) return exact
    return this.groups.find(q => q.group === group && isPattern(q.topic) && compilePattern(q.topic)(topic))
  }

  /** Removes what does not outlive its members: broadcast queues and groups of responders. */
  removeIfEphemeral(queue: ConsumerQueue): void {
    if (queue.kind === 'group' || queue.members.length > 0) return
    this.#broadcasts.delete(queue)
    if (queue.group !== undefined) this.#responders.delete(pair(queue.topic, queue.group))
    for (const topic of this.topics.values()) {
      const at = topic.queues.indexOf(queue)
      if (at !== -1) topic.queues.splice(at, 1)
    }
    queue.clear()
  }

  /** Requests and replies do not outlive a restart. */
  forgetTransient(): void {
    for (const queue of this.#responders.values()) queue.clear()
    this.#responders.clear()
    this.inboxes.forget()
  }

  /** Events published with a delay that this queue will get. */
  scheduledFor(queue: ConsumerQueue): number {
    let sum = 0
    for (const topic of this.topics.values()) if (topic.queues.includes(queue)) sum += topic.scheduled
    return sum
  }

  #responderQueue(topic: string, group: string): ConsumerQueue {
    let queue = this.#responders.get(pair(topic, group))
    if (queue === undefined) {
      queue = new ConsumerQueue(this.server, { kind: 'requests', topic, group, ordering: 'none' })
      this.#responders.set(pair(topic, group), queue)
    }
    return queue
  }

  #broadcast(spec: SubscriptionSpec): ConsumerQueue {
    const { topic, ordering } = spec
    const matching = this.#matching(topic)
    const queue = new ConsumerQueue(this.server, { kind: 'broadcast', topic, group: undefined, ordering })
    this.#broadcasts.add(queue)
    for (const found of matching) this.#connect(found, queue)
    return queue
  }

  #rewind(queue: ConsumerQueue, start: StartPosition, wanted: ReturnType<typeof startTest>): void {
    const now = this.server.now()
    const retained = this.#matching(queue.topic).flatMap(topic => topic.log.from(start, now))
    queue.rewind(retained, wanted, now)
  }

  /** @throws BusError TOPOLOGY_MISSING for a topic without wildcards that does not exist. */
  #matching(topic: string): Topic[] {
    if (!isPattern(topic)) return [this.topicOrThrow(topic)]
    const matches = compilePattern(topic)
    return [...new Set([...this.topics].filter(([name]) => matches(name)).map(([, found]) => found))]
  }

  topicOrThrow(name: string): Topic {
    const topic = this.topics.get(name)
    if (topic === undefined) throw topicMissing(name)
    return topic
  }

  #connect(topic: Topic, queue: ConsumerQueue): void {
    if (!topic.queues.includes(queue)) topic.queues.push(queue)
  }
}

export const topicMissing = (topic: string): BusError =>
  new BusError('TOPOLOGY_MISSING', `no topic "${topic}" on the memory broker`, {
    field: 'topic',
    remedy: "declare it: topology 'declare' does, at its first use",
  })

const mixedOrdering = (spec: SubscriptionSpec): BusError =>
  new BusError(
    'TOPOLOGY_INCOMPATIBLE',
    `group "${spec.group}" of "${spec.topic}" has members that subscribed ${spec.ordering === 'key' ? 'without order' : 'in order by key'}`,
    { field: 'ordered', remedy: 'let all members agree on whether the topic is ordered' },
  )
