import type { Broker } from '../adapter/broker.ts'
import type { ForeignHeader } from '../adapter/envelope.ts'
import { requireCapability } from '../bus/capabilities.ts'
import type { TopicRegistry, TopicState } from '../bus/topic-registry.ts'
import { encodeEvent } from '../cloudevents/encode.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'
import { type AnyEventContract, type InputOf, type Topic, validate } from '../contracts/index.ts'
import { BusError, issuesError } from '../errors/bus-error.ts'
import type { Ended, Instrumentation } from '../instrumentation/instrumentation.ts'
import type { PublishContext, PublishMiddleware } from '../instrumentation/middleware.ts'
import { partitionOf } from '../names/index.ts'
import { checkOptions } from '../options/index.ts'
import type { Clock } from '../time/clock.ts'
import type { EventBuilder } from './event-builder.ts'
import { expiryOf } from './expiry.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import type { PublishOptions, PublishReceipt } from './publish.ts'
import { publishOptionsSpec } from './publish-options.ts'
import type { PublishQueue } from './publish-queue.ts'

export interface PublisherOptions {
  readonly adapter: string
  readonly broker: Broker
  readonly queue: PublishQueue
  readonly topics: TopicRegistry
  readonly builder: EventBuilder
  readonly clock: Clock
  readonly timeout: number
  readonly middleware: readonly PublishMiddleware[]
  readonly instrumentation: Instrumentation | undefined
  readonly guard: <T>(where: string, run: () => T) => T | undefined
}

/** A publish as it was called. */
interface Draft {
  readonly state: TopicState
  readonly options: PublishOptions
  /** Undefined: `payload` is a whole event. */
  readonly contract: AnyEventContract | undefined
  readonly payload: unknown
}

const NO_OPTIONS: PublishOptions = Object.freeze({})

/** From what a caller passes to a message in the publish queue. Stays synchronous as long as nothing has to be waited for. */
export class Publisher {
  readonly #o: PublisherOptions
  /** Publishes that wait for something before they can be queued. */
  readonly #preparing = new Set<Promise<unknown>>()
  #roundRobin = 0

  constructor(options: PublisherOptions) {
    this.#o = options
  }

  publishContract<C extends AnyEventContract>(
    contract: C,
    data: InputOf<C>,
    options: PublishOptions = NO_OPTIONS,
  ): Promise<PublishReceipt> {
    const state = this.#o.topics.register(contract.topic)
    if (options !== NO_OPTIONS) checkOptions('publish options', options, publishOptionsSpec)
    const draft: Draft = { state, options, contract, payload: data }
    if (contract.data === undefined) return this.#inTurn(draft, undefined)
    const validation = validate(contract.data, data)
    if (validation instanceof Promise) {
      return this.#inTurn(
        draft,
        validation.then(result => assertValid(contract, result)),
      )
    }
    assertValid(contract, validation)
    return this.#inTurn(draft, undefined)
  }

  publishEvent(
    topic: Topic | string,
    event: CloudEventInput,
    options: PublishOptions = NO_OPTIONS,
  ): Promise<PublishReceipt> {
    const state = this.#o.topics.register(topic)
    if (options !== NO_OPTIONS) checkOptions('publish options', options, publishOptionsSpec)
    if (options.attributes !== undefined) {
      throw new BusError(
        'INVALID_OPTIONS',
        'publish options: attributes: cannot be set on an event that is passed whole',
        { field: 'attributes', remedy: 'set them on the event itself: it goes out as it came' },
      )
    }
    return this.#inTurn({ state, options, contract: undefined, payload: event }, undefined)
  }

  /** Resolves when the publishes that wait for something now have settled. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#preparing])
  }

  /** How many waited for something and have not settled. */
  get preparing(): number {
    return this.#preparing.size
  }

  /**
   * Waits for what must come first: provisioning, validation, and on ordered topics earlier publishes that wait. There a
   * publish with middleware takes its turn too, since middleware may take its time.
   */
  #inTurn(draft: Draft, validation: Promise<unknown> | undefined): Promise<PublishReceipt> {
    const { state } = draft
    const provisioning = this.#o.topics.ensure(state)
    const unordered = !state.topic.ordered || (!state.queued && this.#o.middleware.length === 0)
    if (provisioning === undefined && validation === undefined && unordered)
      return this.#start(draft, undefined)
    return this.#track(
      state.after(Promise.all([provisioning, validation]), onQueued => this.#start(draft, onQueued)),
    )
  }

  #track(publish: Promise<PublishReceipt>): Promise<PublishReceipt> {
    this.#preparing.add(publish)
    const done = () => this.#preparing.delete(publish)
    publish.then(done, done)
    return publish
  }

  /** @param onQueued called once its place in the order is taken. */
  #start(draft: Draft, onQueued: (() => void) | undefined): Promise<PublishReceipt> {
    const { contract, payload, options } = draft
    let key: string | undefined
    let event: CloudEventInput
    if (contract === undefined) {
      event = payload as CloudEventInput
      // The key of a whole event is its own partitionkey extension, which stays where it is.
      key = options.key ?? (typeof event?.partitionkey === 'string' ? event.partitionkey : undefined)
    } else {
      key = options.key ?? (contract.key === undefined ? undefined : keyFrom(contract, payload))
      event = this.#o.builder.build(contract, payload, key, options.attributes)
    }
    if (this.#o.middleware.length > 0)
      return this.#track(this.#throughMiddleware(draft, event, key, onQueued))
    const sent = this.#observed(draft, event, key, options.headers)
    onQueued?.()
    return sent
  }

  async #throughMiddleware(
    draft: Draft,
    event: CloudEventInput,
    key: string | undefined,
    onQueued: (() => void) | undefined,
  ): Promise<PublishReceipt> {
    const { middleware } = this.#o
    const built = draft.contract !== undefined
    const context: PublishContext = {
      topic: draft.state.topic.name,
      built,
      event,
      headers: (draft.options.headers ?? []).map(([name, value]) => [name, value]),
    }
    const run = async (i: number): Promise<PublishReceipt> => {
      const next = middleware[i]
      if (next !== undefined) return next(context, () => run(i + 1))
      if (!built && context.event !== event) {
        throw new BusError('INVALID_EVENT', 'middleware replaced an event that was passed whole', {
          field: 'event',
          remedy: 'change only events whose context says built: true; others go out as they came',
        })
      }
      const sent = this.#observed(draft, context.event, key, context.headers)
      onQueued?.()
      return sent
    }
    return run(0)
  }

  /** With the instrumentation's hook around it, if there is one. */
  #observed(
    draft: Draft,
    event: CloudEventInput,
    key: string | undefined,
    headers: readonly ForeignHeader[] | undefined,
  ): Promise<PublishReceipt> {
    const { instrumentation, guard } = this.#o
    if (instrumentation?.publish === undefined) return this.#enqueue(draft, event, key, headers)
    const copy: [string, string | Uint8Array][] = (headers ?? []).map(([name, value]) => [name, value])
    const info = { topic: draft.state.topic.name, built: draft.contract !== undefined, event, headers: copy }
    const ended = guard('instrumentation.publish', () => instrumentation.publish?.(info))
    const end = (outcome: Ended) => guard('instrumentation.publish', () => ended?.(outcome))
    try {
      const sent = this.#enqueue(draft, event, key, copy)
      sent.then(
        () => end({ ok: true }),
        error => end({ ok: false, error }),
      )
      return sent
    } catch (error) {
      end({ ok: false, error })
      throw error
    }
  }

  #enqueue(
    { state, options }: Draft,
    event: CloudEventInput,
    key: string | undefined,
    headers: readonly ForeignHeader[] | undefined,
  ): Promise<PublishReceipt> {
    const { topic } = state
    const envelope = encodeEvent(event, headers)
    if (topic.ordered && (key === undefined || key === '')) {
      throw new BusError('KEY_REQUIRED', `topic "${topic.name}" is ordered, and this event has no key`, {
        field: 'key',
        remedy: "give the contract a key, pass options.key, or set the event's partitionkey",
      })
    }
    const message = new OutgoingMessage(
      { kind: 'topic', topic: topic.name, partition: this.#partition(topic, key) },
      envelope,
      {
        key: key === '' ? undefined : key,
        notBefore: this.#notBefore(options),
        expiresAt: expiryOf(envelope.attributes),
        mustRoute: options.mustRoute === true ? this.#mustRoute() : undefined,
      },
      'publish',
    )
    return this.#o.queue.enqueue(message, envelope.attributes.id as string, {
      timeout: options.timeout ?? this.#o.timeout,
      ordered: topic.ordered,
      once: false,
      signal: options.signal,
    })
  }

  #partition(topic: Topic, key: string | undefined): number {
    if (topic.partitions === 1) return 0
    if (key !== undefined && key !== '') return partitionOf(key, topic.partitions)
    this.#roundRobin = (this.#roundRobin + 1) % topic.partitions
    return this.#roundRobin
  }

  #notBefore(options: PublishOptions): number | undefined {
    if (options.delay === undefined && options.notBefore === undefined) return undefined
    if (options.delay !== undefined && options.notBefore !== undefined) {
      throw new BusError('INVALID_OPTIONS', 'publish options: delay: is there beside notBefore', {
        field: 'delay',
        remedy: 'pass one of the two',
      })
    }
    requireCapability(this.#o.adapter, this.#o.broker.capabilities, 'publish.delay', 'delay')
    const now = this.#o.clock.now()
    const due = options.notBefore?.getTime() ?? now + (options.delay ?? 0)
    if (Number.isNaN(due)) {
      throw new BusError('INVALID_OPTIONS', 'publish options: notBefore: is not a valid date', {
        field: 'notBefore',
        remedy: 'pass a valid Date',
      })
    }
    // A time in the past means now.
    return due > now ? due : undefined
  }

  #mustRoute(): true {
    requireCapability(this.#o.adapter, this.#o.broker.capabilities, 'publish.must-route', 'mustRoute')
    return true
  }
}

function assertValid(contract: AnyEventContract, result: Awaited<ReturnType<typeof validate>>): void {
  if (!result.ok)
    throw issuesError('SCHEMA_VIOLATION', `data of "${contract.type}" breaks its schema`, result.issues)
}

function keyFrom(contract: AnyEventContract, data: unknown): string {
  let key: unknown
  try {
    key = contract.key?.(data)
  } catch (cause) {
    throw new BusError('KEY_REQUIRED', `the key function of "${contract.type}" threw`, {
      field: 'key',
      cause,
      remedy: 'mend it, or pass options.key',
    })
  }
  if (typeof key === 'string') return key
  throw new BusError(
    'KEY_REQUIRED',
    `the key of "${contract.type}" is ${key === null ? 'null' : `a ${typeof key}`}`,
    {
      field: 'key',
      remedy: 'return a string from the key function of the contract',
    },
  )
}
