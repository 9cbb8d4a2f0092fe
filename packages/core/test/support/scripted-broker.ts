import type {
  Adapter,
  AdapterContext,
  Broker,
  Capabilities,
  CapabilityId,
  DeadItem,
  Delivery,
  Drift,
  Outgoing,
  PublishLimits,
  PublishResult,
  Settlement,
  SettlementResult,
  Sink,
  Subscription,
  SubscriptionSpec,
} from '@busbar/core/adapter'
import { CAPABILITIES_VERSION, CAPABILITY_IDS, NATIVE, unsupported } from '@busbar/core/adapter'

const CONFIRMED: PublishResult = { status: 'confirmed' }

export const capabilities = (without: readonly CapabilityId[] = []): Capabilities => ({
  version: CAPABILITIES_VERSION,
  of: Object.fromEntries(
    CAPABILITY_IDS.map(id => [id, without.includes(id) ? unsupported('not in this script') : NATIVE]),
  ) as Capabilities['of'],
})

export interface Script {
  /** What becomes of each batch. Default: all confirmed. A promise that never settles is an answer that never comes. */
  answer?: (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]> | readonly PublishResult[]
  limits?: Partial<PublishLimits>
  without?: readonly CapabilityId[]
  /** What is taken back once connected. */
  withoutOnceConnected?: readonly CapabilityId[]
  drift?: readonly Drift[]
  topology?: () => Promise<readonly Drift[]>
  deadLetters?: readonly DeadItem[]
}

/** A broker whose every answer is given by the test: where a real one cannot be made to say exactly that. */
export class ScriptedBroker implements Broker {
  readonly capabilities: Capabilities
  readonly server = 'scripted 1'
  readonly limits: PublishLimits
  readonly batches: (readonly Outgoing[])[] = []
  /** What the first call of subscribe gives. */
  readonly first = new ScriptedSubscription()
  readonly subscriptions: ScriptedSubscription[] = []
  readonly calls: string[] = []
  script: Script
  deliverReply: ((reply: Delivery) => void) | undefined
  context: AdapterContext | undefined

  constructor(script: Script) {
    this.script = script
    this.capabilities = capabilities([...(script.without ?? []), ...(script.withoutOnceConnected ?? [])])
    this.limits = {
      batchesInFlight: 4,
      batchSize: 100,
      batchBytes: 1_000_000,
      messageBytes: 100_000,
      ...script.limits,
    }
  }

  /** The ids of the events in each batch. */
  get ids(): string[][] {
    return this.batches.map(batch => batch.map(message => message.envelope.attributes.id ?? ''))
  }

  sizeOf(message: Outgoing): number {
    return message.envelope.body?.byteLength ?? 0
  }

  async publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    this.calls.push('publish')
    this.batches.push([...batch])
    return this.script.answer?.(batch) ?? batch.map(() => CONFIRMED)
  }

  async subscribe(spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink): Promise<Subscription> {
    this.calls.push('subscribe')
    const subscription = this.subscriptions.length === 0 ? this.first : new ScriptedSubscription()
    subscription.spec = spec
    this.subscriptions.push(subscription)
    subscription.sink = sink(subscription)
    return subscription
  }

  async replies(deliver: (reply: Delivery) => void) {
    this.deliverReply = deliver
    return { address: 'replies/1', close: async () => {} }
  }

  acceptsReplyTo(address: string): boolean {
    return address.startsWith('replies/')
  }

  async topology(): Promise<readonly Drift[]> {
    this.calls.push('topology')
    return this.script.topology?.() ?? this.script.drift ?? []
  }

  async stats() {
    this.calls.push('stats')
    return { exact: true }
  }

  readonly deadLetters = {
    open: async () => {
      this.calls.push('deadLetters.open')
      let left = [...(this.script.deadLetters ?? [])]
      return {
        next: async (count: number) => {
          const page = left.slice(0, count)
          left = left.slice(count)
          return page
        },
        remove: async (items: readonly DeadItem[]) => items.map(() => ({ status: 'done' }) as const),
        [Symbol.asyncDispose]: async () => {},
      }
    },
    purge: async () => {
      this.calls.push('deadLetters.purge')
      return null
    },
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }
}

/** One subscription in the script's hands: deliver into `sink`, look at what was settled. */
export class ScriptedSubscription implements Subscription {
  spec!: SubscriptionSpec
  sink!: Sink
  readonly windows: number[] = []
  /** Everything handed to settle, again ones included. */
  readonly settlements: Settlement[] = []
  readonly settleCalls: (readonly Settlement[])[] = []
  readonly marked: Delivery[] = []
  readonly extended: Delivery[][] = []
  readonly calls: string[] = []
  /** What settling comes to; undefined: no answer. Default: done. */
  result: (settlement: Settlement) => SettlementResult | undefined = () => ({ status: 'done' })
  onMark: () => Promise<void> = async () => {}
  onExtend: (deliveries: readonly Delivery[]) => Promise<readonly Delivery[]> = async () => []
  onStop: () => Promise<void> = async () => {}

  /** The settlements as `kind id`. */
  get settled(): string[] {
    return this.settlements.map(({ kind, delivery }) => `${kind} ${idOf(delivery)}`)
  }

  get windowSize(): number {
    return this.windows.at(-1) ?? 0
  }

  window(size: number): void {
    this.windows.push(size)
  }

  settle(batch: readonly Settlement[]): void {
    this.settleCalls.push(batch)
    this.settlements.push(...batch)
    for (const settlement of batch) {
      const result = this.result(settlement)
      if (result !== undefined) queueMicrotask(() => this.sink.settled([settlement], result))
    }
  }

  mark(deliveries: readonly Delivery[]): Promise<void> {
    this.marked.push(...deliveries)
    return this.onMark()
  }

  extend(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    this.extended.push([...deliveries])
    return this.onExtend(deliveries)
  }

  async flush(): Promise<void> {
    this.calls.push('flush')
  }

  stop(): Promise<void> {
    this.calls.push('stop')
    return this.onStop()
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }
}

export const idOf = (delivery: Delivery): string => delivery.envelope?.attributes.id ?? ''

export function scriptedAdapter(script: Script): {
  readonly adapter: Adapter
  readonly broker: ScriptedBroker
} {
  const broker = new ScriptedBroker(script)
  const adapter: Adapter = {
    name: 'scripted',
    capabilities: capabilities(script.without ?? []),
    async connect(context) {
      broker.calls.push('connect')
      broker.context = context
      return broker
    },
  }
  return { adapter, broker }
}
