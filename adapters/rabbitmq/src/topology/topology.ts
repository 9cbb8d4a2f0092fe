import {
  type Drift,
  type GroupSpec,
  isBusError,
  isPattern,
  type TopicSpec,
  type Topology,
  type TopologyMode,
} from '@busbar/core/adapter'
import type { Channel, Options } from 'amqplib'
import type { ResolvedOptions } from '../config/options.ts'
import type { Admin } from '../connection/admin.ts'
import { bindDue, declareDelays, queueArguments } from './declare.ts'
import { DELAY, type Names } from './names.ts'
import type { Registry } from './registry.ts'
import { Wildcards } from './wildcards.ts'

/** A queue of a group, as it is declared. */
interface Wanted {
  readonly name: string
  readonly options: Options.AssertQueue
}

/** What topics and groups need on the broker: made, compared, and made again after the broker lost it. */
export class TopologyKeeper {
  readonly #admin: Admin
  readonly #names: Names
  readonly #options: ResolvedOptions
  readonly #version: () => string
  readonly #registry: Registry
  readonly #wildcards: Wildcards
  /** What this process declared, to declare it again. */
  readonly #declared = new Map<string, () => Promise<void>>()
  readonly #topics = new Map<string, TopicSpec>()
  readonly #exchanges = new Map<string, string>()
  #delays = false

  constructor(options: {
    admin: Admin
    names: Names
    options: ResolvedOptions
    version: () => string
    registry: Registry
  }) {
    this.#admin = options.admin
    this.#names = options.names
    this.#options = options.options
    this.#version = options.version
    this.#registry = options.registry
    this.#wildcards = new Wildcards({ ...options, used: options.options.wildcards })
  }

  async apply(topology: Topology, mode: TopologyMode): Promise<readonly Drift[]> {
    for (const spec of topology.topics) {
      this.#topics.set(spec.topic, spec)
      this.#exchanges.set(spec.topic, spec.address ?? this.#names.exchange(spec.topic))
    }
    if (mode === 'none') return []
    if (mode === 'verify') return this.#verify(topology)
    for (const spec of topology.topics)
      await this.#once(`topic ${spec.topic}`, () => this.#declareTopic(spec))
    await this.#wildcards.join()
    for (const group of topology.groups) {
      await this.#once(`${group.kind} ${group.topic} ${group.group}`, () => this.#declareGroup(group))
    }
    return []
  }

  /** Declares again whatever was declared here: after a reconnect, or when something turns out to be gone. */
  async restore(): Promise<void> {
    this.#delays = false
    for (const declare of this.#declared.values()) await declare()
    await this.#wildcards.join()
  }

  exchange(topic: string): string {
    return this.#exchanges.get(topic) ?? this.#names.exchange(topic)
  }

  spec(topic: string): TopicSpec | undefined {
    return this.#topics.get(topic)
  }

  /** A group's queues, one for each partition of an ordered topic. */
  queues(topic: string, group: string): readonly string[] {
    const spec = this.#topics.get(topic)
    if (spec?.ordered !== true) return [this.#names.queue(topic, group)]
    return Array.from({ length: spec.partitions }, (_, partition) =>
      this.#names.queue(topic, group, partition),
    )
  }

  async #once(id: string, declare: () => Promise<void>): Promise<void> {
    if (this.#declared.has(id)) return
    await declare()
    this.#declared.set(id, declare)
  }

  async #declareTopic(spec: TopicSpec): Promise<void> {
    const exchange = this.exchange(spec.topic)
    await this.#declareDelays()
    await this.#wildcards.register({ topic: spec.topic, exchange, foreign: spec.address !== undefined })
    await this.#admin.run(`topic "${spec.topic}" (exchange ${exchange})`, async channel => {
      if (spec.address === undefined) await this.#assertExchange(channel, spec)
      await this.#assertPartitions(channel, spec)
      const key = this.#names.routingKey(spec.topic)
      await channel.bindExchange(exchange, DELAY.due, `#.${key}`)
    })
    this.#wildcards.declared(spec.topic)
  }

  #assertExchange(channel: Channel, spec: TopicSpec): Promise<unknown> {
    const type = spec.ordered ? 'topic' : 'fanout'
    return channel.assertExchange(this.exchange(spec.topic), type, { durable: true })
  }

  #assertPartitions(channel: Channel, { topic, partitions }: TopicSpec): Promise<unknown> {
    return channel.assertExchange(this.#names.partitionsMark(topic), 'fanout', {
      durable: true,
      alternateExchange: this.#names.partitionsValue(topic, partitions),
    })
  }

  async #declareGroup(group: GroupSpec): Promise<void> {
    if (group.kind === 'requests') {
      const exchange = this.#names.requestExchange(group.topic)
      await this.#admin.run(`exchange ${exchange}`, channel =>
        channel.assertExchange(exchange, 'fanout', { durable: true }),
      )
      return
    }
    await this.#declareDelays()
    const queues = this.queues(group.topic, group.group)
    const first = queues[0] as string
    const known = await this.#admin.exists(`queue ${first}`, channel => channel.checkQueue(first))
    if (!known) await this.#registry.add({ topic: group.topic, group: group.group })
    await this.#admin.run(`group "${group.group}" of "${group.topic}"`, async channel => {
      for (const { name, options } of this.#wanted(group)) await channel.assertQueue(name, options)
      for (const [partition, queue] of queues.entries()) {
        await bindDue(channel, queue)
        await this.#bind(channel, group.topic, queue, partition)
      }
    })
    if (isPattern(group.topic)) await this.#wildcards.gather()
  }

  /** All queues of a group, those first that a message may end in: it is never without. */
  #wanted({ topic, group }: GroupSpec): readonly Wanted[] {
    const ordered = this.#topics.get(topic)?.ordered === true
    const plain = queueArguments(this.#options, this.#version(), false)
    const own = queueArguments(this.#options, this.#version(), ordered)
    const queues = this.queues(topic, group)
    return [
      { name: this.#names.dead(topic, group), options: plain },
      ...(ordered
        ? queues.map((_, partition) => ({ name: this.#names.held(topic, group, partition), options: plain }))
        : []),
      ...queues.map(name => ({ name, options: own })),
    ]
  }

  async #bind(channel: Channel, topic: string, queue: string, partition: number): Promise<void> {
    if (isPattern(topic)) {
      await this.#wildcards.bind(channel, queue, topic)
      return
    }
    const exchange = this.exchange(topic)
    const spec = this.#topics.get(topic)
    if (spec?.ordered === true) {
      await channel.bindQueue(queue, exchange, this.#names.partitionPattern(partition))
      return
    }
    await channel.bindQueue(queue, exchange, '#')
    if (spec?.address !== undefined) await channel.bindQueue(queue, exchange, this.#names.routingKey(topic))
  }

  /** A broadcast's queue. */
  async bindEphemeral(channel: Channel, topic: string, queue: string): Promise<void> {
    const spec = this.#topics.get(topic)
    if (spec?.ordered === true) await channel.bindQueue(queue, this.exchange(topic), '#')
    else await this.#bind(channel, topic, queue, 0)
    if (isPattern(topic)) await this.#wildcards.gather()
  }

  async #declareDelays(): Promise<void> {
    if (this.#delays) return
    const there = await this.#admin.exists(DELAY.complete, channel => channel.checkExchange(DELAY.complete))
    if (!there) await this.#admin.run('the delay levels', channel => declareDelays(channel, this.#version()))
    this.#delays = true
  }

  async #verify({ topics, groups }: Topology): Promise<readonly Drift[]> {
    const drifts: Drift[] = []
    for (const spec of topics) drifts.push(...(await this.#verifyTopic(spec)))
    const wanted = new Set<string>()
    for (const group of groups) {
      if (group.kind === 'requests') continue
      wanted.add(`${group.topic} ${group.group}`)
      for (const each of this.#wanted(group)) drifts.push(...(await this.#verifyQueue(each)))
    }
    for (const { topic, group } of await this.#registry.groups()) {
      if (wanted.has(`${topic} ${group}`)) continue
      const name = this.#names.queue(topic, group)
      const exists =
        (await this.#queueExists(name)) || (await this.#queueExists(this.#names.queue(topic, group, 0)))
      if (!exists) continue
      const remedy =
        'subscribe it, or delete its queues: they keep every event that this group does not settle'
      drifts.push({ kind: 'orphan', name, remedy })
    }
    return drifts
  }

  async #verifyQueue({ name, options }: Wanted): Promise<Drift[]> {
    if (!(await this.#queueExists(name))) return [{ kind: 'missing', name, remedy: 'declare the group' }]
    try {
      const remedy =
        'change queueType or replicas, or stop the group, delete the queue when it is empty, and declare it anew'
      return await this.#compare(name, 'the arguments that this configuration declares', remedy, channel =>
        channel.assertQueue(name, options),
      )
    } catch (error) {
      // The broker compares for those alone who might declare: others learn whether it is there.
      if (isBusError(error, 'PERMISSION_DENIED')) return []
      throw error
    }
  }

  #queueExists(queue: string): Promise<boolean> {
    return this.#admin.exists(`queue ${queue}`, channel => channel.checkQueue(queue))
  }

  async #verifyTopic(spec: TopicSpec): Promise<Drift[]> {
    const name = this.exchange(spec.topic)
    if (!(await this.exchangeExists(name))) return [{ kind: 'missing', name, remedy: 'declare the topic' }]
    if (spec.address !== undefined) return []
    const remedy = 'change the declaration, or declare the topic under another name'
    const expected = `exchange type ${spec.ordered ? 'topic' : 'fanout'}`
    const type = await this.#compare(name, expected, remedy, channel => this.#assertExchange(channel, spec))
    const mark = this.#names.partitionsMark(spec.topic)
    if (!(await this.exchangeExists(mark))) return type
    return [
      ...type,
      ...(await this.#compare(name, `partitions ${spec.partitions}`, remedy, channel =>
        this.#assertPartitions(channel, spec),
      )),
    ]
  }

  /** Declaring what exists changes nothing, and is refused if it is different. */
  async #compare(
    name: string,
    expected: string,
    remedy: string,
    assert: (channel: Channel) => Promise<unknown>,
  ): Promise<Drift[]> {
    try {
      await this.#admin.run(name, assert)
      return []
    } catch (error) {
      if (!isBusError(error, 'TOPOLOGY_INCOMPATIBLE')) throw error
      const actual = /current is (.*)$/.exec(error.message)?.[1]
      return [
        {
          kind: 'different',
          name,
          expected,
          ...(actual === undefined ? {} : { actual }),
          remedy,
        },
      ]
    }
  }

  exchangeExists(name: string): Promise<boolean> {
    return this.#admin.exists(`exchange ${name}`, channel => channel.checkExchange(name))
  }
}
