import type { ReplyAddress } from '../adapter/broker.ts'
import { type Envelope, META } from '../adapter/envelope.ts'
import { decodeData } from '../cloudevents/decode.ts'
import { encodeEvent } from '../cloudevents/encode.ts'
import { withTransport } from '../cloudevents/parsed-envelope.ts'
import { isThenable } from '../consuming/event-processor.ts'
import { HandlingScope } from '../consuming/handling-context.ts'
import { headerText } from '../consuming/header-text.ts'
import type { Held } from '../consuming/held.ts'
import type { Processor } from '../consuming/processor.ts'
import { EXPIRED, HANDLED, UNHANDLED, type Verdict } from '../consuming/verdict.ts'
import { type AnyRequestContract, type Schema, type Validation, validate } from '../contracts/index.ts'
import { BusError, isBusError, issuesError } from '../errors/bus-error.ts'
import { type EventBuilder, type EventTemplate, inherit } from '../publishing/event-builder.ts'
import { expiryOf } from '../publishing/expiry.ts'
import { OutgoingMessage } from '../publishing/outgoing-message.ts'
import type { PublishQueue } from '../publishing/publish-queue.ts'
import type { Clock } from '../time/clock.ts'
import { ReceivedRequest } from './received-request.ts'
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

/** Milliseconds, for the reply to a request that names no end. */
const DEFAULT_TIMEOUT = 10_000
const NO_META: Reply['meta'] = Object.freeze({})

interface Reply {
  readonly status: 'ok' | 'failure' | 'error'
  readonly data: unknown
  readonly meta: Readonly<Record<string, string>>
}

/** What of a request its reply needs. */
interface Asked {
  readonly attributes: Readonly<Record<string, string>>
  readonly replyTo: ReplyAddress
  readonly requestId: string
  /** Milliseconds since the epoch; undefined: it does not say. */
  readonly expiresAt: number | undefined
}

/** Answers requests: each is acked as it starts, handled at most once, and answered if somebody still waits. */
export class ResponderProcessor implements Processor {
  readonly batchSize = 1
  readonly batchWait = 0
  readonly settlesFirst = true
  readonly #o: ResponderOptions
  readonly #template: EventTemplate
  readonly #scope = new HandlingScope()

  constructor(options: ResponderOptions) {
    this.#o = options
    this.#template = {
      type: `${options.contract.type}.reply`,
      source: undefined,
      dataschema: undefined,
      datacontenttype: undefined,
    }
  }

  inspect(): 'run' {
    return 'run'
  }

  run(batch: readonly Held[], settle: (held: Held, verdict: Verdict) => void): void | Promise<void> {
    const [held] = batch
    if (held === undefined) return
    try {
      const answered = this.#answer(held)
      if (!(answered instanceof Promise)) return settle(held, answered)
      return answered.then(
        verdict => settle(held, verdict),
        error => settle(held, this.#unanswered(error)),
      )
    } catch (error) {
      settle(held, this.#unanswered(error))
    }
  }

  #unanswered(cause: unknown): Verdict {
    const { contract, onError } = this.#o
    onError(
      new BusError('INTERNAL', `a request of "${contract.type}" could not be answered`, { cause }),
      'respond',
    )
    return HANDLED
  }

  /** Stays synchronous up to the reply's confirmation if the handler and the validators do. */
  #answer(held: Held): Verdict | Promise<Verdict> {
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
    const request: Asked = { attributes: envelope.attributes, replyTo, requestId, expiresAt }
    const send = (reply: Reply) => this.#send(reply, request)
    const reply = this.#handle(held, envelope, expiresAt)
    return reply instanceof Promise ? reply.then(send) : send(reply)
  }

  #handle(held: Held, envelope: Envelope, expiresAt: number | undefined): Reply | Promise<Reply> {
    const { contract } = this.#o
    try {
      const data = decodeData(envelope)
      const checked = validate(contract.input, data, 'input')
      const reply =
        checked instanceof Promise
          ? checked.then(result => this.#call(held, envelope, data, result, expiresAt))
          : this.#call(held, envelope, data, checked, expiresAt)
      return reply instanceof Promise ? reply.catch(error => this.#replyTo(error)) : reply
    } catch (error) {
      return this.#replyTo(error)
    }
  }

  #call(
    held: Held,
    envelope: Envelope,
    data: unknown,
    checked: Validation<unknown>,
    expiresAt: number | undefined,
  ): Reply | Promise<Reply> {
    const { contract, group, handler, clock } = this.#o
    if (!checked.ok)
      throw issuesError('SCHEMA_VIOLATION', `input of "${contract.type}" breaks its schema`, checked.issues)
    const request = new ReceivedRequest({
      held,
      envelope,
      data,
      input: checked.value,
      group,
      expiresAt,
      clock,
    })
    let output: unknown
    try {
      output = this.#scope.run(envelope, handler, request)
    } catch (error) {
      request.end()
      throw error
    }
    const answer = (value: unknown) => {
      request.end()
      return this.#checked('ok', contract.output, value, NO_META)
    }
    if (!isThenable(output)) return answer(output)
    return Promise.resolve(output).then(answer, error => {
      request.end()
      throw error
    })
  }

  /** What a failed handler answers. */
  #replyTo(error: unknown): Reply | Promise<Reply> {
    if (error instanceof DeclaredFailure) return this.#failure(error)
    const { contract, onError } = this.#o
    onError(
      new BusError('HANDLER_FAILED', `the responder of "${contract.type}" failed`, { cause: error }),
      'respond',
    )
    return failed(error)
  }

  #failure(error: DeclaredFailure): Promise<Reply> | Reply {
    const schema = failureSchema(this.#o.contract, error.failure)
    if (schema === undefined)
      return failed(new BusError('INVALID_REPLY', `the contract declares no failure "${error.failure}"`))
    return this.#checked('failure', schema, error.data, { [META.errorCode]: error.failure })
  }

  /** What goes out is what the responder gave, if its schema takes it. */
  #checked(
    status: Reply['status'],
    schema: Schema,
    data: unknown,
    meta: Reply['meta'],
  ): Reply | Promise<Reply> {
    const reply = (result: Validation<unknown>): Reply => {
      if (result.ok) return { status, data, meta }
      const error = issuesError(
        'SCHEMA_VIOLATION',
        `the reply to "${this.#o.contract.type}" breaks its schema`,
        result.issues,
      )
      this.#o.onError(error, 'respond')
      return failed(error)
    }
    const result = validate(schema, data, status === 'ok' ? 'output' : 'data')
    return result instanceof Promise ? result.then(reply) : reply(result)
  }

  #send(reply: Reply, request: Asked): Verdict | Promise<Verdict> {
    const { queue, clock } = this.#o
    const { replyTo, requestId, expiresAt } = request
    const left = expiresAt === undefined ? DEFAULT_TIMEOUT : expiresAt - clock.now()
    if (left <= 0) return EXPIRED
    let envelope: Envelope
    try {
      envelope = this.#envelope(reply, request)
    } catch (error) {
      return this.#unsendable(reply, error, request)
    }
    const message = new OutgoingMessage(
      { kind: 'reply', address: replyTo },
      envelope,
      { expiresAt, requestId },
      'publish',
    )
    const how = { timeout: left, ordered: false, once: true, signal: undefined }
    return queue.enqueue(message, envelope.attributes.id ?? requestId, how).then(
      () => HANDLED,
      error => this.#unsendable(reply, error, request),
    )
  }

  #envelope(reply: Reply, request: Asked): Envelope {
    const event = this.#o.builder.build(this.#template, reply.data, undefined, undefined)
    inherit(event, request.attributes)
    const encoded = encodeEvent(event)
    return withTransport(
      encoded,
      { ...encoded.meta, ...reply.meta, [META.replyStatus]: reply.status },
      encoded.headers,
    )
  }

  /** Whoever waits is told that no answer comes, if the answer itself was to blame. */
  #unsendable(reply: Reply, cause: unknown, request: Asked): Verdict | Promise<Verdict> {
    const { contract, onError } = this.#o
    const invalid = isBusError(cause, 'INVALID_EVENT') || isBusError(cause, 'PAYLOAD_TOO_LARGE')
    onError(
      new BusError('PUBLISH_FAILED', `the reply to "${contract.type}" could not be sent`, {
        cause,
        retryable: !invalid,
      }),
      'respond',
    )
    return invalid && reply.status !== 'error' ? this.#send(failed(cause), request) : HANDLED
  }
}

/** Name and message alone: a stack is nobody else's business. */
function failed(error: unknown): Reply {
  const text = error instanceof Error ? error.message : String(error)
  const message = headerText(text).slice(0, 500).toWellFormed()
  return { status: 'error', data: undefined, meta: { [META.errorMessage]: message } }
}
