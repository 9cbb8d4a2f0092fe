import type { ReplyAddress } from '../adapter/broker.ts'
import { META } from '../adapter/envelope.ts'
import { decodeData } from '../cloudevents/decode.ts'
import { encodeEvent } from '../cloudevents/encode.ts'
import { runHandling } from '../consuming/handling-context.ts'
import { headerText } from '../consuming/header-text.ts'
import type { Held } from '../consuming/held.ts'
import type { Processor } from '../consuming/processor.ts'
import { EXPIRED, HANDLED, UNHANDLED, type Verdict } from '../consuming/verdict.ts'
import { type AnyRequestContract, validate } from '../contracts/index.ts'
import { BusError, issuesError } from '../errors/bus-error.ts'
import type { EventBuilder } from '../publishing/event-builder.ts'
import { expiryOf } from '../publishing/expiry.ts'
import { OutgoingMessage } from '../publishing/outgoing-message.ts'
import type { PublishQueue } from '../publishing/publish-queue.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { RequestDelivery } from './request.ts'
import { DeclaredFailure, failureSchema } from './request-failed.ts'

export interface ResponderOptions {
  readonly contract: AnyRequestContract
  readonly group: string
  readonly handler: (request: RequestDelivery<AnyRequestContract>) => unknown
  readonly accepts: (address: ReplyAddress) => boolean
  readonly queue: PublishQueue
  readonly builder: EventBuilder
  readonly clock: Clock
  readonly onError: (error: BusError, where: string) => void
}

interface Reply {
  readonly status: 'ok' | 'failure' | 'error'
  readonly data: unknown
  readonly meta: Readonly<Record<string, string>>
}

/** Answers requests: each is acked as it starts, handled at most once, and answered if somebody still waits. */
export class ResponderProcessor implements Processor {
  readonly batchSize = 1
  readonly batchWait = 0
  readonly settlesFirst = true
  readonly #o: ResponderOptions

  constructor(options: ResponderOptions) {
    this.#o = options
  }

  inspect(): 'run' {
    return 'run'
  }

  async run(batch: readonly Held[], settle: (held: Held, verdict: Verdict) => void): Promise<void> {
    const [held] = batch
    if (held === undefined) return
    try {
      settle(held, await this.#answer(held))
    } catch (error) {
      this.#o.onError(
        new BusError('INTERNAL', `a request of "${this.#o.contract.type}" could not be answered`, {
          cause: error,
        }),
        'respond',
      )
      settle(held, HANDLED)
    }
  }

  async #answer(held: Held): Promise<Verdict> {
    const { delivery } = held
    const { clock } = this.#o
    const { envelope, replyTo, requestId } = delivery
    if (envelope === null || replyTo === undefined || requestId === undefined) {
      this.#o.onError(
        new BusError(
          'DECODE_FAILED',
          `a message on the request channel of "${delivery.topic}" is not a request`,
          { cause: delivery.decodeError },
        ),
        'respond',
      )
      return UNHANDLED
    }
    if (!this.#o.accepts(replyTo)) {
      // A forged reply address would make this service send where it should not.
      this.#o.onError(
        new BusError(
          'DECODE_FAILED',
          'a request asks for its reply outside the reply namespace; it is dropped',
          { field: META.replyTo },
        ),
        'respond',
      )
      return UNHANDLED
    }
    const expiresAt = expiryOf(envelope.attributes)
    if (expiresAt !== undefined && expiresAt <= clock.now()) return EXPIRED
    // Every group of the topic gets the request: one that answers other types leaves it to those that answer this one.
    if (envelope.attributes.type !== this.#o.contract.type) return UNHANDLED
    let timer: Timer | undefined
    if (expiresAt !== undefined) {
      timer = clock.setTimer(expiresAt - clock.now(), () =>
        held.abort(
          new BusError('REQUEST_TIMEOUT', 'the requester no longer waits', { remedy: 'stop working on it' }),
        ),
      )
    }
    try {
      const reply = await this.#handle(held, envelope)
      if (expiresAt !== undefined && expiresAt <= clock.now()) return EXPIRED
      await this.#send(reply, envelope.attributes, replyTo, requestId, expiresAt)
      return HANDLED
    } finally {
      timer?.cancel()
    }
  }

  async #handle(held: Held, envelope: NonNullable<Held['delivery']['envelope']>): Promise<Reply> {
    const { contract, group, handler } = this.#o
    try {
      const data = decodeData(envelope)
      const checked = await validate(contract.input, data, 'input')
      if (!checked.ok)
        throw issuesError('SCHEMA_VIOLATION', `input of "${contract.type}" breaks its schema`, checked.issues)
      const request: RequestDelivery<AnyRequestContract> = {
        input: checked.value,
        event: {
          ...envelope.attributes,
          ...(data === undefined ? {} : { data }),
        } as RequestDelivery<AnyRequestContract>['event'],
        topic: held.delivery.topic,
        group,
        headers: envelope.headers,
        get signal() {
          return held.signal
        },
        fail(name, failure) {
          throw new DeclaredFailure(name, failure)
        },
      }
      const output = await runHandling(envelope, handler, request)
      return await this.#checked('ok', contract.output, output, {})
    } catch (error) {
      if (error instanceof DeclaredFailure) return this.#failure(error)
      this.#o.onError(
        new BusError('HANDLER_FAILED', `the responder of "${contract.type}" failed`, { cause: error }),
        'respond',
      )
      return failed(error)
    }
  }

  #failure(error: DeclaredFailure): Promise<Reply> | Reply {
    const schema = failureSchema(this.#o.contract, error.failure)
    if (schema === undefined)
      return failed(new BusError('INVALID_REPLY', `the contract declares no failure "${error.failure}"`))
    return this.#checked('failure', schema, error.data, { [META.errorCode]: error.failure })
  }

  /** What goes out is what the responder gave, if its schema takes it. */
  async #checked(
    status: Reply['status'],
    schema: AnyRequestContract['output'],
    data: unknown,
    meta: Reply['meta'],
  ): Promise<Reply> {
    const result = await validate(schema, data, status === 'ok' ? 'output' : 'data')
    if (result.ok) return { status, data, meta }
    const error = issuesError(
      'SCHEMA_VIOLATION',
      `the reply to "${this.#o.contract.type}" breaks its schema`,
      result.issues,
    )
    this.#o.onError(error, 'respond')
    return failed(error)
  }

  async #send(
    reply: Reply,
    request: Readonly<Record<string, string>>,
    address: string,
    requestId: string,
    expiresAt: number | undefined,
  ): Promise<void> {
    const { builder, queue, clock, contract } = this.#o
    const template = {
      type: `${contract.type}.reply`,
      source: undefined,
      dataschema: undefined,
      datacontenttype: undefined,
    }
    const event = builder.build(template, reply.data, undefined, {
      correlationid: request.correlationid ?? request.id,
      causationid: request.id,
      traceparent: request.traceparent,
      tracestate: request.tracestate,
    })
    const envelope = encodeEvent(event)
    const message = new OutgoingMessage(
      { kind: 'reply', address },
      { ...envelope, meta: { ...envelope.meta, ...reply.meta, [META.replyStatus]: reply.status } },
      { expiresAt, requestId },
      'publish',
    )
    const timeout = expiresAt === undefined ? 10_000 : Math.max(1, expiresAt - clock.now())
    await queue
      .enqueue(message, envelope.attributes.id ?? requestId, {
        timeout,
        ordered: false,
        once: true,
        signal: undefined,
      })
      .catch(error => {
        this.#o.onError(
          new BusError('PUBLISH_FAILED', `the reply to "${contract.type}" could not be sent`, {
            cause: error,
            retryable: true,
          }),
          'respond',
        )
      })
  }
}

/** Name and message alone: a stack is nobody else's business. */
function failed(error: unknown): Reply {
  const text = error instanceof Error ? error.message : String(error)
  const message = headerText(text).slice(0, 500).toWellFormed()
  return { status: 'error', data: undefined, meta: { [META.errorMessage]: message } }
}
