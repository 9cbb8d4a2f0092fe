import type {
  Broker,
  ConnectionState,
  Delivery,
  Destination,
  Outgoing,
  Settlement,
  SettlementResult,
  Sink,
  Subscription,
  SubscriptionSpec,
  TopicSpec,
} from '@busbar/core/adapter'
import { type Clock, systemRandom, VirtualClock } from '@busbar/core/time'
import { MemoryBroker, type MemoryBrokerOptions, memory } from '../src/index.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

export const never: { readonly signal: AbortSignal } = { signal: new AbortController().signal }
export const aborted: { readonly signal: AbortSignal } = { signal: AbortSignal.abort() }

/** A connection, and what it said about itself. */
export interface Client {
  readonly broker: Broker
  readonly states: ConnectionState[]
  readonly errors: unknown[]
}

/** A broker in virtual time. Connections made through it play separate processes. */
export class World {
  readonly clock = new VirtualClock()
  readonly broker: MemoryBroker

  constructor(options: MemoryBrokerOptions = {}) {
    this.broker = new MemoryBroker(options)
  }

  get faults() {
    return this.broker.faults
  }

  async connect(clientName = 'client', prefix = '', clock: Clock = this.clock): Promise<Client> {
    const states: ConnectionState[] = []
    const errors: unknown[] = []
    const broker = await memory({ broker: this.broker }).connect({
      clock,
      random: systemRandom,
      logger: silent,
      prefix,
      clientName,
      onError: error => errors.push(error),
      onState: state => states.push(state),
    })
    return { broker, states, errors }
  }

  /** A connection with these topics declared. */
  async with(topics: readonly (string | TopicSpec)[], clientName = 'client', prefix = ''): Promise<Broker> {
    const { broker } = await this.connect(clientName, prefix)
    await broker.topology(
      { topics: topics.map(t => (typeof t === 'string' ? plain(t) : t)), groups: [] },
      'declare',
    )
    return broker
  }

  /** Lets everything happen that needs no time. */
  settle(): Promise<void> {
    return this.clock.settle()
  }
}

export const plain = (topic: string): TopicSpec => ({ topic, ordered: false, partitions: 1 })
export const ordered = (topic: string): TopicSpec => ({ topic, ordered: true, partitions: 4 })

/** What a test expects to be there. */
export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a value')
  return value
}

let nextId = 0

/** A message whose body is `text`. */
export function message(
  text: string,
  to: string | Destination = 'orders',
  more: Partial<Outgoing> = {},
): Outgoing {
  return {
    to: typeof to === 'string' ? { kind: 'topic', topic: to, partition: 0 } : to,
    envelope: {
      attributes: { specversion: '1.0', id: `id-${++nextId}`, source: '/test', type: 'test' },
      body: new TextEncoder().encode(text),
      meta: {},
      headers: [],
    },
    ...more,
  }
}

export const messages = (count: number, to = 'orders', more: Partial<Outgoing> = {}): Outgoing[] =>
  Array.from({ length: count }, (_, i) => message(String(i), to, more))

export const text = (delivery: Delivery): string =>
  new TextDecoder().decode(delivery.envelope?.body ?? undefined)

export type Act = (delivery: Delivery) => Omit<Settlement, 'delivery'> | undefined

/** A member that records everything and, if told to, settles as things come. */
export class Consumer implements Sink {
  readonly got: Delivery[] = []
  /** Delivered and neither settled nor lost. */
  readonly held = new Set<Delivery>()
  readonly results: { settlement: Settlement; result: SettlementResult }[] = []
  readonly gone: Delivery[] = []
  readonly states: string[] = []
  /** The most that was held at any moment. */
  most = 0
  subscription!: Subscription
  readonly #act: Act | undefined

  constructor(act?: Act) {
    this.#act = act
  }

  get texts(): string[] {
    return this.got.map(text)
  }

  last(): Delivery {
    const delivery = this.got.at(-1)
    if (delivery === undefined) throw new Error('nothing was delivered')
    return delivery
  }

  deliver(batch: readonly Delivery[]): void {
    for (const delivery of batch) {
      this.got.push(delivery)
      this.held.add(delivery)
    }
    this.most = Math.max(this.most, this.held.size)
    if (this.#act === undefined) return
    const settlements = batch.flatMap(delivery => {
      const act = this.#act?.(delivery)
      return act === undefined ? [] : [{ ...act, delivery } as Settlement]
    })
    this.subscription.settle(settlements)
  }

  settled(batch: readonly Settlement[], result: SettlementResult): void {
    for (const settlement of batch) {
      this.results.push({ settlement, result })
      if (result.status !== 'failed') this.held.delete(settlement.delivery)
    }
  }

  async revoking(): Promise<void> {}

  lost(what: Parameters<Sink['lost']>[0]): void {
    const lost = what === 'all' ? [...this.held] : 'deliveries' in what ? what.deliveries : []
    for (const delivery of lost) {
      this.gone.push(delivery)
      this.held.delete(delivery)
    }
  }

  state(state: string): void {
    this.states.push(state)
  }

  settle(kind: 'ack' | 'release', ...deliveries: Delivery[]): void {
    this.subscription.settle(deliveries.map(delivery => ({ kind, delivery })))
  }

  retry(delivery: Delivery, notBefore: number, meta: Record<string, string> = {}): void {
    this.subscription.settle([{ kind: 'retry', delivery, notBefore, meta, metaRequired: true }])
  }

  dead(delivery: Delivery, meta: Record<string, string> = {}): void {
    this.subscription.settle([{ kind: 'dead', delivery, meta }])
  }
}

export const ack: Act = () => ({ kind: 'ack' })

/** Subscribes with the given window (default 100). */
export async function consume(
  broker: Broker,
  spec: Partial<SubscriptionSpec> = {},
  options: { window?: number; act?: Act } = {},
): Promise<Consumer> {
  const consumer = new Consumer(options.act)
  await broker.subscribe(
    {
      kind: 'events',
      topic: 'orders',
      group: 'billing',
      start: 'new',
      ordering: 'none',
      partitions: 1,
      lease: 30_000,
      maxWindow: 1_000,
      ...spec,
    },
    subscription => {
      consumer.subscription = subscription
      return consumer
    },
  )
  consumer.subscription.window(options.window ?? 100)
  return consumer
}

/** Spec of a broadcast subscription: `consume` with a group left out. */
export async function listen(
  broker: Broker,
  topic = 'orders',
  options: { act?: Act } = {},
): Promise<Consumer> {
  const consumer = new Consumer(options.act)
  const spec: SubscriptionSpec = {
    kind: 'events',
    topic,
    start: 'new',
    ordering: 'none',
    partitions: 1,
    lease: 30_000,
    maxWindow: 1_000,
  }
  await broker.subscribe(spec, subscription => {
    consumer.subscription = subscription
    return consumer
  })
  consumer.subscription.window(100)
  return consumer
}
