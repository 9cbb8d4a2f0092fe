import {
  type BusError,
  compilePattern,
  type Delivery,
  META,
  type Settlement,
  type SettlementResult,
  type Sink,
  type Subscription,
  type SubscriptionSpec,
} from '@busbar/core/adapter'
import type { Subscription as CoreSubscription, Msg } from '@nats-io/nats-core'
import type { Link } from '../link/link.ts'
import type { Names } from '../names.ts'
import { readHeaders } from '../wire/headers.ts'
import { decodeMessage } from '../wire/incoming.ts'

type Limit = { readonly signal: AbortSignal }

const DONE: SettlementResult = { status: 'done' }
/** Requests kept while handlers are busy; those beyond are dropped, and time out at their caller. */
const BACKLOG = 10_000
/** Milliseconds for the server to read a subscription; a silent one is noticed by the driver's pings. */
const BACK_WITHIN = 30_000

/** One member of a group of responders: a queue group of core NATS. Nothing is stored, nothing comes twice. */
export class Responder implements Subscription {
  readonly #link: Link
  readonly #names: Names
  readonly #spec: SubscriptionSpec
  readonly #sink: Sink
  readonly #matches: (topic: string) => boolean
  readonly #subscription: CoreSubscription
  readonly #held = new Set<Delivery>()
  readonly #unlisten: () => void
  #backlog: Delivery[] = []
  #window = 0
  #stopped = false
  #live = false
  #pumping = false
  #denied: BusError | undefined

  constructor(link: Link, names: Names, spec: SubscriptionSpec, sink: (subscription: Subscription) => Sink) {
    this.#link = link
    this.#names = names
    this.#spec = spec
    this.#matches = compilePattern(spec.topic)
    this.#sink = sink(this)
    this.#subscription = link.subscribe(
      names.requestSubject(spec.topic),
      message => this.#received(message),
      spec.group,
      error => this.#refused(error),
    )
    this.#unlisten = link.listen({
      down: cause => this.#sink.state('reconnecting', cause),
      up: () => this.#back(),
    })
    this.#sink.state('live')
  }

  /** Call it when the server has read all: it answers a refusal before. @throws BusError PERMISSION_DENIED */
  begin(): void {
    if (this.#denied !== undefined) throw this.#denied
    this.#live = true
  }

  window(size: number): void {
    if (this.#stopped) return
    this.#window = Math.max(0, Math.min(size, this.#spec.maxWindow))
    this.#pump()
  }

  settle(batch: readonly Settlement[]): void {
    for (const { kind, delivery } of batch) {
      this.#held.delete(delivery)
      // Given back unstarted: nobody else can have it, so it is first here when there is room.
      if (kind === 'release' && !this.#stopped) this.#backlog.unshift(delivery)
    }
    this.#sink.settled(batch, DONE)
    this.#pump()
  }

  async mark(): Promise<void> {}

  async extend(): Promise<readonly Delivery[]> {
    return []
  }

  async flush(): Promise<void> {}

  async stop({ signal }: Limit): Promise<void> {
    this.#window = 0
    this.#stopped = true
    this.#backlog = []
    const drained = this.#link.state === 'live' ? this.#subscription.drain().catch(() => {}) : undefined
    if (drained === undefined) this.#unsubscribe()
    else await Promise.race([drained, aborted(signal)])
  }

  async close(limit: Limit): Promise<void> {
    if (!this.#stopped) await this.stop(limit)
    this.#unlisten()
    this.#held.clear()
  }

  /** A permission that is gone later must not go unnoticed. */
  #refused(error: BusError): void {
    this.#denied = error
    if (this.#live) this.#sink.state('failed', error)
  }

  /** The driver has subscribed again; until the server has read that, it says that nobody responds. */
  #back(): void {
    this.#link.flush(BACK_WITHIN).then(
      () => {
        if (this.#denied === undefined) this.#sink.state('live')
      },
      // The link is down once more, and says so when it is back.
      () => {},
    )
  }

  #unsubscribe(): void {
    try {
      this.#subscription.unsubscribe()
    } catch {
      // The connection is closed: nothing is subscribed any more.
    }
  }

  #received(message: Msg): void {
    const topic = this.#names.requestTopic(message.subject)
    if (this.#stopped || this.#backlog.length >= BACKLOG || !this.#matches(topic)) return
    const decoded = decodeMessage(readHeaders(message), message.data)
    const { meta, envelope, raw, decodeError } = decoded
    const requestId = meta[META.requestId]
    const replyTo = message.reply
    this.#backlog.push({
      topic,
      envelope,
      failures: 0,
      marks: 0,
      redeliveries: 0,
      lane: message.subject,
      ...(raw === undefined ? {} : { raw, decodeError }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(replyTo === undefined || replyTo === '' ? {} : { replyTo }),
    })
    if (this.#pumping) return
    // Others of the same read follow at once.
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #pump(): void {
    const room = this.#window - this.#held.size
    if (room <= 0 || this.#backlog.length === 0) return
    const batch = this.#backlog.splice(0, room)
    for (const delivery of batch) this.#held.add(delivery)
    this.#sink.deliver(batch)
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
