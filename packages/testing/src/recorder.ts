import type {
  AnyEventContract,
  BusOptions,
  DeadLetterReason,
  HandleMiddleware,
  Instrumentation,
  PublishMiddleware,
  TypedDelivery,
} from '@busbar/core'
import { type Envelope, META, type Settlement } from '@busbar/core/adapter'
import { type CloudEvent, decodeEvent } from '@busbar/core/cloudevents'
import type { Clock } from '@busbar/core/time'
import type {
  DeadLetteredRecord,
  DroppedRecord,
  HandledRecord,
  PublishedRecord,
  RecordedError,
  RecordFilter,
  RetriedRecord,
} from './records.ts'

/** Writes down what the buses of a test do. */
export class Recorder {
  readonly published: PublishedRecord[] = []
  readonly handled: HandledRecord[] = []
  readonly retried: RetriedRecord[] = []
  readonly deadLettered: DeadLetteredRecord[] = []
  readonly dropped: DroppedRecord[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `options` with the recorder in it, outside of the user's own middleware: it sees what the engine sees. */
  watching(options: BusOptions): BusOptions {
    const { middleware = {}, instrumentation } = options
    return {
      ...options,
      middleware: {
        publish: [this.#onPublish, ...(middleware.publish ?? [])],
        handle: [this.#onHandle, ...(middleware.handle ?? [])],
      },
      instrumentation: this.#alongside(instrumentation),
    }
  }

  /** A handler has handled this. */
  readonly onHandled = ({ topic, group, event, data, attempt }: TypedDelivery): void => {
    this.handled.push({ topic, group, at: this.#clock.now(), event, data, attempt })
  }

  /** A settlement of a group that the broker has taken over. */
  settled(group: string, settlement: Settlement): void {
    const { delivery } = settlement
    const { topic, envelope } = delivery
    const at = this.#clock.now()
    if (settlement.kind === 'retry' && envelope !== null) {
      const { meta, notBefore } = settlement
      this.retried.push({
        topic,
        group,
        at,
        event: eventOf(envelope),
        attempt: failures(meta),
        // The settlement may have needed several tries, but what was promised is counted from the failure.
        delay: notBefore - (Date.parse(meta[META.lastFailure] ?? '') || at),
        error: errorOf(meta),
      })
    }
    if (settlement.kind === 'dead') {
      const { meta } = settlement
      this.deadLettered.push({
        topic,
        group,
        at,
        event: envelope === null ? null : eventOf(envelope),
        reason: meta[META.reason] as DeadLetterReason,
        attempts: failures(meta),
        error: errorOf(meta),
      })
    }
  }

  clear(): void {
    for (const list of [this.published, this.handled, this.retried, this.deadLettered, this.dropped]) {
      list.length = 0
    }
  }

  readonly #onPublish: PublishMiddleware = async (context, next) => {
    const receipt = await next()
    const { topic, event } = context
    this.published.push({ topic, at: this.#clock.now(), event: { ...event }, duplicate: receipt.duplicate })
    return receipt
  }

  readonly #onHandle: HandleMiddleware = async (delivery, next) => {
    const result = await next()
    this.onHandled(delivery)
    return result
  }

  #alongside(user: Instrumentation = {}): Instrumentation {
    return {
      ...(user.publish === undefined ? {} : { publish: user.publish.bind(user) }),
      ...(user.handle === undefined ? {} : { handle: user.handle.bind(user) }),
      ...(user.request === undefined ? {} : { request: user.request.bind(user) }),
      settled: info => {
        const { topic, type, attempt } = info
        if (info.as === 'dropped') this.dropped.push({ topic, at: this.#clock.now(), type, attempt })
        user.settled?.(info)
      },
    }
  }
}

/** Of a list, what belongs to a contract (its topic and type), and to a group if one is named. */
export function select<
  R extends {
    readonly topic: string
    readonly group?: string | undefined
    readonly event: { readonly type: string } | null
  },
>(records: readonly R[], contract: AnyEventContract | undefined, filter: RecordFilter): readonly R[] {
  return records.filter(
    ({ topic, group, event }) =>
      (contract === undefined || (topic === contract.topic.name && event?.type === contract.type)) &&
      (filter.group === undefined || group === filter.group),
  )
}

const failures = (meta: Readonly<Record<string, string>>) => Number(meta[META.failures] ?? 0)

function errorOf(meta: Readonly<Record<string, string>>): RecordedError {
  const fields = {
    class: meta[META.errorClass],
    code: meta[META.errorCode],
    message: meta[META.errorMessage],
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function eventOf(envelope: Envelope): CloudEvent {
  try {
    return decodeEvent(envelope)
  } catch {
    return { ...envelope.attributes } as CloudEvent
  }
}
