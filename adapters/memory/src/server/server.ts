import type { TopicSpec } from '@busbar/core/adapter'
import { type Clock, systemClock } from '@busbar/core/time'
import type { ResolvedOptions } from '../options.ts'
import { Alarms } from './alarms.ts'
import { Budget } from './budget.ts'
import type { ConsumerQueue } from './consumer-queue.ts'
import { Faults, type FaultyLink } from './faults.ts'
import { Namespace } from './namespace.ts'
import { Presence } from './presence.ts'
import type { Surroundings } from './surroundings.ts'
import { Topic } from './topic.ts'

/** The broker's process: namespaces, connections, one budget, one timer. Single-threaded and deterministic. */
export class Server implements Surroundings {
  readonly options: ResolvedOptions
  readonly budget: Budget
  readonly alarms: Alarms
  readonly faults: Faults
  readonly links = new Set<FaultyLink>()
  readonly namespaces = new Map<string, Namespace>()
  /** Topics that go by an address of the user's, whatever the prefix. */
  readonly #addresses = new Map<string, Topic>()
  #clock: Clock
  readonly #presence = new Presence()
  #sequence = 0
  #touched = new Set<ConsumerQueue>()

  constructor(options: ResolvedOptions) {
    this.options = options
    this.#clock = options.clock ?? systemClock
    this.budget = new Budget(options)
    this.alarms = new Alarms(this.#clock)
    this.faults = new Faults(options.faults, {
      links: () => [...this.links],
      forgetTransient: () => {
        for (const namespace of this.namespaces.values()) namespace.forgetTransient()
      },
      later: (delay, run) => {
        if (delay > 0) this.#clock.setTimer(delay, run, { keepAlive: true })
        else queueMicrotask(run)
      },
    })
  }

  now(): number {
    return this.#clock.now()
  }

  /** A connection begins. The first one brings the clock, unless the broker was given one. */
  join(link: FaultyLink, clock: Clock): void {
    if (this.links.size === 0) {
      this.#clock = this.options.clock ?? clock
      this.alarms.start(this.#clock)
    }
    this.links.add(link)
    this.#presence.hold(this.#clock)
  }

  leave(link: FaultyLink): void {
    if (!this.links.delete(link) || this.links.size > 0) return
    this.alarms.stop()
    this.#presence.release()
  }

  namespace(prefix: string): Namespace {
    let namespace = this.namespaces.get(prefix)
    if (namespace === undefined) {
      namespace = new Namespace(prefix, this)
      this.namespaces.set(prefix, namespace)
    }
    return namespace
  }

  existingTopic(namespace: Namespace, spec: TopicSpec): Topic | undefined {
    if (spec.address !== undefined)
      return this.#addresses.get(spec.address) ?? namespace.topics.get(spec.topic)
    return namespace.topics.get(spec.topic)
  }

  topicFor(spec: TopicSpec): Topic {
    const existing = spec.address === undefined ? undefined : this.#addresses.get(spec.address)
    if (existing !== undefined) return existing
    const topic = new Topic(this, spec, this.options.retention, () => ++this.#sequence)
    if (spec.address !== undefined) this.#addresses.set(spec.address, topic)
    return topic
  }

  /** One microtask for all queues that have something to hand out by then. */
  touch(queue: ConsumerQueue): void {
    if (this.#touched.size === 0) queueMicrotask(() => this.#dispatch())
    this.#touched.add(queue)
  }

  #dispatch(): void {
    const touched = this.#touched
    this.#touched = new Set()
    const now = this.now()
    for (const queue of touched) queue.dispatch(now)
  }
}
