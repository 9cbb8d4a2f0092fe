import type { Broker, ReplyInbox } from '../adapter/broker.ts'
import type { Delivery } from '../adapter/subscription.ts'
import { encodeEvent } from '../cloudevents/encode.ts'
import type { CloudEventInput } from '../cloudevents/event.ts'
import {
  type AnyRequestContract,
  type RequestInput,
  type ResponseOutput,
  type Topic,
  type Validation,
  validate,
} from '../contracts/index.ts'
import { BusError, isBusError, issuesError } from '../errors/bus-error.ts'
import type { Instrumentation } from '../instrumentation/instrumentation.ts'
import { adorn, type EventBuilder } from '../publishing/event-builder.ts'
import { OutgoingMessage } from '../publishing/outgoing-message.ts'
import type { PublishQueue } from '../publishing/publish-queue.ts'
import type { Clock } from '../time/clock.ts'
import { IsoTime } from '../time/iso-time.ts'
import { abortedBy, PendingRequest } from './pending-request.ts'
import { readReply } from './read-reply.ts'
import type { RequestOptions } from './request.ts'

const DEFAULT_TIMEOUT = 10_000

export interface RequesterOptions {
  readonly broker: Broker
  readonly queue: PublishQueue
  readonly builder: EventBuilder
  readonly clock: Clock
  readonly instrumentation: Instrumentation | undefined
  readonly guard: <T>(where: string, run: () => T) => T | undefined
}

/** A request as it goes out. */
interface Question {
  readonly topic: Topic
  readonly event: CloudEventInput
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly timeout: number
  readonly options: RequestOptions
}

/**
 * Sends requests and matches replies to them, by Busbar's own request id alone: `correlationid` belongs to the user. Stays
 * synchronous as long as nothing has to be waited for but the reply.
 */
export class Requester {
  readonly #o: RequesterOptions
  readonly #pending = new Map<string, PendingRequest>()
  readonly #expirytime = new IsoTime()
  #opening: Promise<ReplyInbox> | undefined
  #inbox: ReplyInbox | undefined
  #sent = 0
  #timedOut = 0
  #late = 0

  constructor(options: RequesterOptions) {
    this.#o = options
  }

  get stats() {
    return {
      sent: this.#sent,
      pending: this.#pending.size,
      timedOut: this.#timedOut,
      lateReplies: this.#late,
    }
  }

  request<C extends AnyRequestContract>(
    contract: C,
    input: RequestInput<C>,
    options: RequestOptions,
  ): Promise<ResponseOutput<C>> {
    const checked = validate(contract.input, input, 'input')
    return checked instanceof Promise
      ? checked.then(result => this.#ask(contract, input, result, options))
      : this.#ask(contract, input, checked, options)
  }

  /** The link is gone, and with it every reply on its way. */
  disconnected(): void {
    this.#failAll(
      type =>
        new BusError('CONNECTION_LOST', `the connection was lost while "${type}" waited for its reply`, {
          retryable: true,
          remedy: 'ask again if the request may be handled twice',
        }),
    )
  }

  async close(): Promise<void> {
    this.#failAll(
      type => new BusError('BUS_CLOSED', `the bus was closed while "${type}" waited for its reply`),
    )
    await this.#opening?.then(inbox => inbox.close()).catch(() => {})
  }

  #failAll(errorFor: (type: string) => BusError): void {
    for (const pending of [...this.#pending.values()]) pending.fail(errorFor(pending.type))
  }

  #ask<C extends AnyRequestContract>(
    contract: C,
    input: unknown,
    checked: Validation<unknown>,
    options: RequestOptions,
  ): Promise<ResponseOutput<C>> {
    const { type, topic } = contract
    if (!checked.ok)
      throw issuesError('SCHEMA_VIOLATION', `input of "${type}" breaks its schema`, checked.issues)
    const { clock, builder, instrumentation, guard } = this.#o
    const { signal } = options
    const timeout = options.timeout ?? contract.timeout ?? DEFAULT_TIMEOUT
    const expiresAt = clock.now() + timeout
    const id = builder.newId()
    const template = { type, source: undefined, dataschema: undefined, datacontenttype: undefined }
    const event = builder.build(template, input, undefined, undefined)
    event.expirytime = this.#expirytime.text(expiresAt)
    if (options.attributes !== undefined) adorn(event, options.attributes)
    const ended =
      instrumentation?.request === undefined
        ? undefined
        : guard('instrumentation.request', () => instrumentation.request?.({ topic: topic.name, event }))
    return new Promise((resolve, reject) => {
      const pending = new PendingRequest({
        type,
        timeout,
        signal,
        clock,
        onTimeout: () => this.#timedOut++,
        onEnd: outcome => {
          this.#pending.delete(id)
          if (ended !== undefined) guard('instrumentation.request', () => ended(outcome))
        },
        read: reply => readReply(contract, reply),
        resolve: resolve as (value: unknown) => void,
        reject,
      })
      if (signal?.aborted) {
        pending.fail(abortedBy(signal))
        return
      }
      this.#pending.set(id, pending)
      this.#sent++
      const send = (inbox: ReplyInbox) => {
        if (!pending.ended) this.#send(pending, { topic, event, id, expiresAt, timeout, options }, inbox)
      }
      if (this.#inbox === undefined) this.#open().then(send, error => pending.fail(unsent(error)))
      else send(this.#inbox)
    })
  }

  #send(pending: PendingRequest, question: Question, inbox: ReplyInbox): void {
    const { topic, event, id, expiresAt, timeout, options } = question
    const fail = (error: unknown) => pending.fail(unsent(error))
    try {
      const message = new OutgoingMessage(
        { kind: 'request', topic: topic.name },
        encodeEvent(event, options.headers),
        { expiresAt, replyTo: inbox.address, requestId: id },
        'publish',
      )
      const how = { timeout, ordered: false, once: true, signal: undefined }
      this.#o.queue.enqueue(message, id, how).then(undefined, fail)
    } catch (error) {
      fail(error)
    }
  }

  #open(): Promise<ReplyInbox> {
    this.#opening ??= (
      this.#o.broker.replies?.(reply => this.#onReply(reply)) ??
      Promise.reject(
        new BusError('CAPABILITY_UNSUPPORTED', 'this adapter has no replies', { field: 'request' }),
      )
    ).then(
      inbox => {
        this.#inbox = inbox
        return inbox
      },
      error => {
        this.#opening = undefined
        throw error
      },
    )
    return this.#opening
  }

  #onReply(reply: Delivery): void {
    const pending = reply.requestId === undefined ? undefined : this.#pending.get(reply.requestId)
    if (pending === undefined) this.#late++
    else pending.answer(reply)
  }
}

const unsent = (error: unknown): BusError =>
  isBusError(error) ? error : new BusError('INTERNAL', 'the request could not be sent', { cause: error })
