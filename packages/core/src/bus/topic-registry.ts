import type { Broker } from '../adapter/broker.ts'
import type { GroupSpec, TopicSpec, Topology, TopologyMode } from '../adapter/topology.ts'
import { topic as declareTopic, isTopic, type Topic } from '../contracts/index.ts'
import { BusError } from '../errors/bus-error.ts'
import { requireAll, topicDemands } from './capabilities.ts'

/** What a bus knows of one topic. */
export class TopicState {
  readonly topic: Topic
  /** Provisioned (or not ours to provision): publishes need not wait. */
  ready = false
  #provisioning: Promise<void> | undefined
  /** Publishes that wait for something; while there are any, later ones of an ordered topic queue behind them. */
  #waiting = 0
  #tail: Promise<unknown> = Promise.resolve()
  readonly #same = new WeakSet<Topic>()

  constructor(topic: Topic) {
    this.topic = topic
  }

  /** @throws BusError TOPIC_CONFLICT unless another value declares the same; each value is compared once. */
  accept(topic: Topic): void {
    if (topic === this.topic || this.#same.has(topic)) return
    assertSame(this.topic, topic)
    this.#same.add(topic)
  }

  /** Provisions once; again after a failure. */
  provision(run: () => Promise<unknown>): Promise<void> {
    this.#provisioning ??= run().then(
      () => {
        this.ready = true
      },
      error => {
        this.#provisioning = undefined
        throw error
      },
    )
    return this.#provisioning
  }

  /** Whether an asynchronous publish is on its way whose place in the order counts. */
  get queued(): boolean {
    return this.#waiting > 0
  }

  /**
   * Runs `next` when `before` has resolved; on an ordered topic in the order of the calls, each one's turn lasting until it
   * has called `onQueued`, or has failed.
   */
  after<T>(before: Promise<unknown>, next: (onQueued: () => void) => Promise<T>): Promise<T> {
    if (!this.topic.ordered) return before.then(() => next(() => {}))
    this.#waiting++
    // Its failure is taken up when its turn comes.
    before.catch(() => {})
    const turn = Promise.withResolvers<void>()
    const result = this.#tail.then(() => before).then(() => next(turn.resolve))
    const over = () => turn.resolve()
    result.then(over, over)
    this.#tail = turn.promise.then(() => {
      this.#waiting--
    })
    return result
  }
}

/** The topics and groups that one bus uses: each topic is declared once, and in one way. */
export class TopicRegistry {
  readonly #adapter: string
  readonly #broker: Broker
  readonly #mode: TopologyMode
  readonly #topics = new Map<string, TopicState>()
  readonly #groups: GroupSpec[] = []

  constructor(adapter: string, broker: Broker, mode: TopologyMode) {
    this.#adapter = adapter
    this.#broker = broker
    this.#mode = mode
  }

  /**
   * A bare name takes the topic's declaration if this bus has seen one, else the defaults.
   * @throws BusError ILLEGAL_NAME, or TOPIC_CONFLICT if the same name was declared otherwise.
   */
  register(topic: Topic | string): TopicState {
    const name = typeof topic === 'string' ? topic : topic.name
    const known = this.#topics.get(name)
    if (known !== undefined) {
      if (typeof topic !== 'string') known.accept(topic)
      return known
    }
    const state = new TopicState(typeof topic === 'string' ? declareTopic(topic) : topic)
    this.#topics.set(name, state)
    return state
  }

  /** The declaration this bus has seen, or the defaults: looking at a topic declares nothing. */
  lookup(name: string): Topic {
    return this.#topics.get(name)?.topic ?? declareTopic(name)
  }

  /**
   * Resolves when the topic may be published to; undefined when it already may.
   * @throws BusError CAPABILITY_UNSUPPORTED if its declaration asks for what the adapter does not have.
   */
  ensure(state: TopicState): Promise<void> | undefined {
    if (state.ready) return undefined
    requireAll(this.#adapter, this.#broker.capabilities, topicDemands(state.topic, 'topic'))
    return state.provision(() => this.#apply({ topics: [specOf(state.topic)], groups: [] }))
  }

  /** Provisions a group (and its topic, unless that is a pattern). */
  async ensureGroup(group: GroupSpec, state: TopicState | undefined): Promise<void> {
    await this.#apply({ topics: state === undefined ? [] : [specOf(state.topic)], groups: [group] })
    if (
      !this.#groups.some(g => g.kind === group.kind && g.topic === group.topic && g.group === group.group)
    ) {
      this.#groups.push(group)
    }
  }

  get topology(): Topology {
    return { topics: [...this.#topics.values()].map(state => specOf(state.topic)), groups: [...this.#groups] }
  }

  async #apply(topology: Topology): Promise<void> {
    const drift = await this.#broker.topology(topology, this.#mode)
    if (this.#mode !== 'verify' || drift.length === 0) return
    const blocking = drift.filter(d => d.kind !== 'orphan')
    if (blocking.length === 0) return
    const missing = blocking.some(d => d.kind === 'missing')
    throw new BusError(
      missing ? 'TOPOLOGY_MISSING' : 'TOPOLOGY_INCOMPATIBLE',
      `the broker does not have what this bus needs:\n  ${blocking
        .map(
          d =>
            `${d.name}: ${d.kind}${d.expected === undefined ? '' : `, expected ${d.expected}`}${d.actual === undefined ? '' : `, found ${d.actual}`} (${d.remedy})`,
        )
        .join('\n  ')}`,
      { field: 'topology', remedy: "create it, or let the bus do so with topology: 'declare'" },
    )
  }
}

export const specOf = (topic: Topic): TopicSpec => ({
  topic: topic.name,
  ordered: topic.ordered,
  partitions: topic.partitions,
  ...(topic.retention === undefined ? {} : { retention: topic.retention }),
  ...(topic.address === undefined ? {} : { address: topic.address }),
})

function assertSame(known: Topic, other: Topic): void {
  if (!isTopic(other)) {
    throw new BusError('INVALID_OPTIONS', 'topic: not a topic', {
      field: 'topic',
      remedy: "pass a name, or a value made by topic('name', …)",
    })
  }
  const text = (topic: Topic, field: (typeof DECLARED)[number]) => JSON.stringify(topic[field]) ?? 'none'
  for (const field of DECLARED) {
    if (text(known, field) === text(other, field)) continue
    throw new BusError(
      'TOPIC_CONFLICT',
      `topic "${known.name}" is declared with ${field} ${text(known, field)} and with ${field} ${text(other, field)}`,
      { field, remedy: 'declare each topic once, export it, and use that value everywhere' },
    )
  }
  if (known.decode === other.decode) return
  throw new BusError('TOPIC_CONFLICT', `topic "${known.name}" is declared with two decode hooks`, {
    field: 'decode',
    remedy: 'declare each topic once, export it, and use that value everywhere',
  })
}

const DECLARED = ['ordered', 'partitions', 'address', 'retention'] as const
