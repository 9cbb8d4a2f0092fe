import { BusError, isPattern, type Outgoing, type TopicSpec } from '@busbar/core/adapter'
import type { JetStreamApi } from '../link/api.ts'
import type { Names } from '../names.ts'
import { type ConsumerInfo, GROUP, ORDERED, PARTITIONS } from './config.ts'
import { missingGroup, type Provisioner } from './provisioner.ts'

/** Where messages go: subjects by topic, and what stands behind them. */
export class Routes {
  readonly #names: Names
  readonly #provisioner: Provisioner
  readonly #api: JetStreamApi
  readonly #topics = new Map<string, TopicSpec>()
  /** Subjects of topics, by partition. */
  readonly #subjects = new Map<string, string[]>()

  constructor(names: Names, provisioner: Provisioner, api: JetStreamApi) {
    this.#names = names
    this.#provisioner = provisioner
    this.#api = api
  }

  learn(topics: readonly TopicSpec[]): void {
    for (const spec of topics) {
      this.#topics.set(spec.topic, spec)
      this.#subjects.delete(spec.topic)
    }
  }

  /** The subject that a topic has of its own, instead of one that Busbar makes. */
  addressOf(topic: string): string | undefined {
    return this.#topics.get(topic)?.address
  }

  isOrdered(topic: string): boolean {
    return this.#topics.get(topic)?.ordered === true
  }

  /** @throws BusError TOPOLOGY_MISSING for the inbox of a group that does not exist. */
  subjectOf({ to }: Outgoing): string | Promise<string> {
    switch (to.kind) {
      case 'topic':
        return this.#topicSubject(to.topic, to.partition)
      case 'inbox':
        return this.#inboxSubject(to.topic, to.group, to.partition)
      case 'request':
        return this.#names.requestSubject(to.topic)
      case 'reply':
        return to.address
    }
  }

  /** @throws BusError UNROUTABLE when no group gets what is published on the topic. */
  async assertRoute(topic: string): Promise<void> {
    const stream = this.#names.topicStream(topic)
    const consumers = await this.#api.list<ConsumerInfo>(`CONSUMER.LIST.${stream}`, 'consumers')
    if (consumers.some(({ config }) => config.durable_name !== undefined && !config.inactive_threshold))
      return
    if (
      (await this.#provisioner.patternsOf(topic)).some(({ config }) => config.metadata[GROUP] !== undefined)
    )
      return
    throw new BusError('UNROUTABLE', `no group receives "${topic}"`, {
      field: 'mustRoute',
      remedy: 'subscribe a group first, or publish without mustRoute',
    })
  }

  /** Why nobody took a message on a topic: its stream is missing, or JetStream is not ready. */
  async explain(topic: string): Promise<BusError> {
    const stream = this.#names.topicStream(topic)
    const info = await this.#provisioner.stream(stream)
    return info === undefined
      ? new BusError('TOPOLOGY_MISSING', `no stream "${stream}" on NATS`, {
          field: 'topic',
          remedy: "declare it: topology 'declare' does, at its first use",
        })
      : new BusError('BROKER_REJECTED', `stream "${stream}" is not ready`, { retryable: true })
  }

  /** How many messages of a group have an attempt record: nearly all of them wait for their retry. */
  async recordsOf(consumer: string): Promise<number> {
    const filter = this.#names.stateSubjectsOf(consumer)
    const info = await this.#api.find<{ state: { subjects?: Record<string, number> } }>(
      `STREAM.INFO.${this.#names.stateStream}`,
      { subjects_filter: filter },
    )
    return Object.keys(info?.state.subjects ?? {}).length
  }

  #topicSubject(topic: string, partition: number): string {
    const known = this.#subjects.get(topic) ?? []
    let subject = known[partition]
    if (subject === undefined) {
      const spec = this.#topics.get(topic)
      subject = spec?.address ?? this.#names.topicSubject(topic, partition, spec?.partitions ?? 1)
      known[partition] = subject
      this.#subjects.set(topic, known)
    }
    return subject
  }

  async #inboxSubject(topic: string, group: string, partition: number): Promise<string> {
    const place = this.#provisioner.placeOf(topic, group)
    if ((await this.#provisioner.consumer(place)) !== undefined) {
      if (isPattern(topic)) return this.#names.patternInbox(place.stream)
      const info = await this.#provisioner.stream(place.stream)
      const { metadata } = info?.config ?? {}
      if (metadata?.[ORDERED] !== 'true') return this.#names.inboxSubject(topic, group)
      const lanes = this.addressOf(topic) === undefined ? Number(metadata[PARTITIONS]) : 1
      return this.#names.laneInbox(topic, group, lanes > 1 ? partition : 0)
    }
    const patterns = isPattern(topic) ? [] : await this.#provisioner.patternsOf(topic)
    const found = patterns.find(({ config }) => config.metadata[GROUP] === group)
    if (found === undefined) throw missingGroup(topic, group)
    return this.#names.patternInbox(found.config.name)
  }
}
