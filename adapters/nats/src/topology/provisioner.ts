import type { GroupSpec, StartPosition, TopicSpec, Topology } from '@busbar/core/adapter'
import { BusError, compilePattern, isPattern, issuesError } from '@busbar/core/adapter'
import { ERR } from '../errors.ts'
import type { JetStreamApi } from '../link/api.ts'
import type { Names } from '../names.ts'
import { consumerIncompatibilities, incompatibilities } from './compatibility.ts'
import {
  BEGUN,
  type ConsumerConfig,
  type ConsumerInfo,
  consumerConfig,
  KIND,
  nanos,
  PREFIX,
  type StreamConfig,
  type StreamConfigs,
  type StreamInfo,
  type StreamSource,
  TOPIC,
} from './config.ts'

/** Where a group's messages are: the topic's stream, or the one that draws from several. */
export interface Place {
  readonly stream: string
  readonly consumer: string
}

/** Makes what is missing on the server. Never narrows, never removes. */
export class Provisioner {
  readonly #api: JetStreamApi
  readonly #names: Names
  readonly #configs: StreamConfigs
  readonly #prefix: string
  readonly #ackWait: number

  constructor(api: JetStreamApi, names: Names, configs: StreamConfigs, prefix: string, ackWait: number) {
    this.#api = api
    this.#names = names
    this.#configs = configs
    this.#prefix = prefix
    this.#ackWait = ackWait
  }

  placeOf(topic: string, group: string): Place {
    const stream = isPattern(topic) ? this.#names.patternStream(topic, group) : this.#names.topicStream(topic)
    return { stream, consumer: this.#names.durable(topic, group) }
  }

  /** @throws BusError TOPOLOGY_INCOMPATIBLE for a topic that was declared in another way. */
  async declare(topology: Topology): Promise<void> {
    const infos = await Promise.all(
      topology.topics.map(spec => this.stream(this.#names.topicStream(spec.topic))),
    )
    const issues = topology.topics.flatMap((spec, i) =>
      incompatibilities(infos[i], spec, this.#configs.topic(spec)),
    )
    if (issues.length > 0) throw issuesError('TOPOLOGY_INCOMPATIBLE', 'NATS', issues)
    await this.#ensureStream(this.#configs.state())
    await Promise.all(topology.topics.map((spec, i) => this.#declareTopic(spec, infos[i])))
    await Promise.all(topology.groups.map(group => this.#declareGroup(group)))
  }

  stream(name: string): Promise<StreamInfo | undefined> {
    return this.#api.find<StreamInfo>(`STREAM.INFO.${name}`)
  }

  consumer(place: Place): Promise<ConsumerInfo | undefined> {
    return this.#api.find<ConsumerInfo>(`CONSUMER.INFO.${place.stream}.${place.consumer}`)
  }

  /** The consumer that a subscription reads, made if need be; a group that nobody has read yet begins at `start`. */
  async openGroup(topic: string, group: string, start: StartPosition, make: boolean): Promise<Place> {
    const place = this.placeOf(topic, group)
    let info = await this.consumer(place)
    if (info === undefined) {
      if (!make) throw missingGroup(topic, group)
      await this.#declareGroup({ kind: 'events', topic, group })
      info = await this.consumer(place)
      if (info === undefined) throw missingGroup(topic, group)
    }
    const { config } = info
    const issues = consumerIncompatibilities(info, group)
    if (issues.length > 0) throw issuesError('TOPOLOGY_INCOMPATIBLE', 'NATS', issues)
    if (config.metadata?.[BEGUN] === 'yes' || info.delivered.consumer_seq > 0) return place
    if (start === 'new') {
      await this.createConsumer(place.stream, { ...config, metadata: { ...config.metadata, [BEGUN]: 'yes' } })
      return place
    }
    if (isPattern(topic)) await this.#rewindPattern(topic, group, start)
    else await this.#api.find(`CONSUMER.DELETE.${place.stream}.${place.consumer}`)
    const from = isPattern(topic) ? { deliver_policy: 'all' as const } : startOf(start)
    await this.createConsumer(
      place.stream,
      consumerConfig(place.consumer, this.#ackWait, from, { metadata: { [BEGUN]: 'yes' } }),
    )
    return place
  }

  createConsumer(stream: string, config: ConsumerConfig): Promise<ConsumerInfo> {
    return this.#api.call<ConsumerInfo>(`CONSUMER.CREATE.${stream}.${config.name}`, {
      stream_name: stream,
      config,
    })
  }

  /** A subscription's own consumer, without a group: it goes when it is not read for `keep` milliseconds. */
  async openBroadcast(topic: string, id: string, start: StartPosition, keep: number): Promise<Place> {
    const consumer = this.#names.ephemeral(id)
    let stream = this.#names.topicStream(topic)
    let from = startOf(start)
    if (isPattern(topic)) {
      const config = this.#configs.broadcast(topic, id, await this.#sources(topic, start))
      await this.#ensureStream(config)
      await this.#drawLatecomers(topic, config.name)
      stream = config.name
      from = { deliver_policy: 'all' }
    }
    await this.createConsumer(
      stream,
      // Stored like the stream: one in memory ends with its server, and with it the place of a process that is only cut off.
      consumerConfig(consumer, this.#ackWait, from, { inactive_threshold: nanos(keep) }),
    )
    return { stream, consumer }
  }

  async closeBroadcast(topic: string, place: Place): Promise<void> {
    const path = isPattern(topic)
      ? `STREAM.DELETE.${place.stream}`
      : `CONSUMER.DELETE.${place.stream}.${place.consumer}`
    await this.#api.find(path)
  }

  /** The streams of groups and broadcasts of several topics whose pattern has this topic. */
  async patternsOf(topic: string): Promise<StreamInfo[]> {
    const all = await this.#api.list<StreamInfo>('STREAM.LIST', 'streams', {
      subject: this.#names.patternInboxes,
    })
    return all.filter(
      ({ config: { metadata } }) =>
        (metadata[KIND] === 'pattern' || metadata[KIND] === 'broadcast') &&
        metadata[PREFIX] === this.#prefix &&
        compilePattern(metadata[TOPIC] ?? '')(topic),
    )
  }

  /** All streams of this prefix. */
  async streams(): Promise<StreamInfo[]> {
    const all = await this.#api.list<StreamInfo>('STREAM.LIST', 'streams')
    return all.filter(
      ({ config }) => config.metadata?.[KIND] !== undefined && config.metadata[PREFIX] === this.#prefix,
    )
  }

  /** The list of sources is replaced as a whole: somebody else may have done that in between, so it is looked at again. */
  async addSource(stream: string, source: StreamSource): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      const info = await this.stream(stream)
      const sources = info?.config.sources ?? []
      if (info === undefined || sources.some(({ name }) => name === source.name)) return
      await this.#api.call(`STREAM.UPDATE.${stream}`, { ...info.config, sources: [...sources, source] })
      await this.#drawing(stream)
    }
  }

  /** Topics that were made while the stream was: who made them could not know of it. */
  async #drawLatecomers(pattern: string, stream: string): Promise<void> {
    for (const { name } of await this.#sources(pattern, 'earliest')) await this.addSource(stream, { name })
  }

  /** The server sets sources up behind its answer, and loses what comes meanwhile if the list is changed again before that is done. */
  async #drawing(stream: string): Promise<void> {
    const { clock } = this.#api.link
    const deadline = clock.now() + this.#api.timeout
    for (;;) {
      const info = await this.stream(stream)
      if (
        info === undefined ||
        (info.sources ?? []).every(({ active }) => active >= 0) ||
        clock.now() >= deadline
      )
        return
      await new Promise<void>(resolve => clock.setTimer(25, resolve, { keepAlive: true }))
    }
  }

  async #declareTopic(spec: TopicSpec, info: StreamInfo | undefined): Promise<void> {
    const config = this.#configs.topic(spec)
    if (info === undefined) {
      await this.#ensureStream(config)
      await this.#ensureStream(this.#configs.dead(spec.topic))
      // From its beginning: groups and broadcasts of several topics were there before it.
      for (const pattern of await this.patternsOf(spec.topic))
        await this.addSource(pattern.config.name, { name: config.name })
      return
    }
    if ((await this.stream(this.#names.deadStream(spec.topic))) === undefined)
      await this.#ensureStream(this.#configs.dead(spec.topic))
    const wider = widened(info.config, config, spec)
    if (wider !== undefined) await this.#api.call(`STREAM.UPDATE.${config.name}`, wider)
  }

  async #declareGroup({ kind, topic, group }: GroupSpec): Promise<void> {
    if (kind === 'requests') return
    const place = this.placeOf(topic, group)
    if (isPattern(topic)) {
      await this.#ensureStream(this.#configs.dead(topic))
      const config = this.#configs.pattern(topic, group, [])
      if ((await this.stream(config.name)) === undefined) {
        await this.#ensureStream({ ...config, sources: await this.#sources(topic, 'new') })
        await this.#drawLatecomers(topic, config.name)
      }
    }
    if ((await this.consumer(place)) !== undefined) return
    const start = isPattern(topic) ? { deliver_policy: 'all' as const } : startOf('new')
    try {
      await this.createConsumer(place.stream, consumerConfig(place.consumer, this.#ackWait, start))
    } catch (error) {
      // Somebody else has made it meanwhile, and reads it with a longer lease.
      if ((await this.consumer(place)) === undefined) throw error
    }
  }

  /** Nobody has read it: its stream is made anew, from another start. */
  async #rewindPattern(pattern: string, group: string, start: StartPosition): Promise<void> {
    const config = this.#configs.pattern(pattern, group, await this.#sources(pattern, start))
    await this.#api.find(`STREAM.DELETE.${config.name}`)
    await this.#ensureStream(config)
  }

  async #sources(pattern: string, start: StartPosition): Promise<StreamSource[]> {
    const matches = compilePattern(pattern)
    const topics = (await this.streams()).filter(
      ({ config: { metadata } }) => metadata[KIND] === 'topic' && matches(metadata[TOPIC] ?? ''),
    )
    return topics.map(({ config: { name }, state }) => {
      if (start === 'earliest') return { name }
      if (start === 'new') return { name, opt_start_seq: state.last_seq + 1 }
      return 'time' in start
        ? { name, opt_start_time: start.time.toISOString() }
        : { name, opt_start_seq: sequenceOf(start.position) }
    })
  }

  async #ensureStream(config: StreamConfig): Promise<void> {
    if ((await this.stream(config.name)) !== undefined) return
    try {
      await this.#api.call(`STREAM.CREATE.${config.name}`, config)
      if ((config.sources?.length ?? 0) > 0) await this.#drawing(config.name)
    } catch (error) {
      const code = (error as { cause?: { err_code?: number } }).cause?.err_code
      if (code !== ERR.streamNameInUse || (await this.stream(config.name)) === undefined) throw error
    }
  }
}

export function startOf(
  start: StartPosition,
): Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq' | 'opt_start_time'> {
  if (start === 'new') return { deliver_policy: 'new' }
  if (start === 'earliest') return { deliver_policy: 'all' }
  if ('time' in start) return { deliver_policy: 'by_start_time', opt_start_time: start.time.toISOString() }
  return { deliver_policy: 'by_start_sequence', opt_start_seq: sequenceOf(start.position) }
}

/** A position is a stream sequence, as `publish` returned it. @throws BusError INVALID_OPTIONS */
function sequenceOf(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Math.max(1, Number(position))
  throw new BusError(
    'INVALID_OPTIONS',
    `start.position: ${JSON.stringify(position)} is not a position of NATS`,
    {
      field: 'start.position',
      remedy: 'pass the position of a publish or a delivery, as it was given to you',
    },
  )
}

/** The stream as it would be with what the topic asks beyond; undefined when it has all of that. */
function widened(have: StreamConfig, want: StreamConfig, spec: TopicSpec): StreamConfig | undefined {
  if (spec.retention === undefined || have.metadata?.[KIND] !== 'topic') return undefined
  const more = (a: number, b: number) =>
    a <= 0 || b <= 0 ? Math.min(Math.max(a, -1), Math.max(b, -1)) : Math.max(a, b)
  const { age, bytes, count } = spec.retention
  const max_age =
    age === undefined
      ? have.max_age
      : have.max_age === 0 || want.max_age === 0
        ? 0
        : Math.max(have.max_age, want.max_age)
  const max_bytes = bytes === undefined ? have.max_bytes : more(have.max_bytes, want.max_bytes)
  const max_msgs = count === undefined ? have.max_msgs : more(have.max_msgs, want.max_msgs)
  if (max_age === have.max_age && max_bytes === have.max_bytes && max_msgs === have.max_msgs) return undefined
  return { ...have, max_age, max_bytes, max_msgs }
}

export const missingGroup = (topic: string, group: string): BusError =>
  new BusError('TOPOLOGY_MISSING', `no group "${group}" of topic "${topic}" on NATS`, {
    field: 'group',
    remedy: 'subscribe it or declare it first; a wildcard group goes by its pattern',
  })
