import type { Broker, ReplyInbox } from '../adapter/broker.ts'
import { META } from '../adapter/envelope.ts'
import type { Delivery } from '../adapter/subscription.ts'
import { decodeData } from '../cloudevents/decode.ts'
import { encodeEvent } from '../cloudevents/encode.ts'
import {
  type AnyRequestContract,
  type RequestInput,
  type ResponseOutput,
  validate,
} from '../contracts/index.ts'
import { BusError, isBusError, issuesError } from '../errors/bus-error.ts'
import type { Instrumentation } from '../instrumentation/instrumentation.ts'
import type { EventBuilder } from '../publishing/event-builder.ts'
import { OutgoingMessage } from '../publishing/outgoing-message.ts'
import type { PublishQueue } from '../publishing/publish-queue.ts'
import type { Clock } from '../time/clock.ts'
import type { RequestOptions } from './request.ts'
import { failureSchema, RequestFailed } from './request-failed.ts'

const DEFAULT_TIMEOUT = 10_000

interface Pending {
  readonly contract: AnyRequestContract
  settle(outcome: Delivery | BusError): void
}

export interface RequesterOptions {
  readonly broker: Broker
  readonly queue: PublishQueue
  readonly builder: EventBuilder
  readonly clock: Clock
  readonly instrumentation: Instrumentation | undefined
  readonly guard: <T>(where: string, run: () => T) => T | undefined
}

/** Sends requests and matches replies to them, by Busbar's own request id alone: `correlationid` belongs to the user. */
export class Requester {
  readonly #o: RequesterOptions
  readonly #pending = new Map<string, Pending>()
  #inbox: Promise<ReplyInbox> | undefined
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

  async request<C extends AnyRequestContract>(
    contract: C,
    input: RequestInput<C>,
    options: RequestOptions,
  ): Promise<ResponseOutput<C>> {
    const checked = await validate(contract.input, input, 'input')
    if (!checked.ok)
      throw issuesError('SCHEMA_VIOLATION', `input of "${contract.type}" breaks its schema`, checked.issues)
    const timeout = options.timeout ?? contract.timeout ?? DEFAULT_TIMEOUT
    const reply = await this.#exchange(contract, input, timeout, options)
    return (await this.#read(contract, reply)) as ResponseOutput<C>
  }

  /** The link is gone, and with it every reply on its way. */
  disconnected(): void {
    for (const pending of [...this.#pending.values()]) {
      pending.settle(
        new BusError(
          'CONNECTION_LOST',
          `the connection was lost while "${pending.contract.type}" waited for its reply`,
          {
            retryable: true,
            remedy: 'ask again if the request may be handled twice',
          },
        ),
      )
    }
  }

  async close(): Promise<void> {
    for (const pending of [...this.#pending.values()]) {
      pending.settle(
        new BusError(
          'BUS_CLOSED',
          `the bus was closed while "${pending.contract.type}" waited for its reply`,
        ),
      )
    }
    await this.#inbox?.then(inbox => inbox.close()).catch(() => {})
  }

  /** Waits until no request waits. */
  get idle(): boolean {
    return this.#pending.size === 0
  }

  #exchange(
    contract: AnyRequestContract,
    input: unknown,
    timeout: number,
    options: RequestOptions,
  ): Promise<Delivery> {
    const { clock, builder, queue, instrumentation } = this.#o
    const { signal } = options
    const now = clock.now()
    const requestId = builder.newId()
    const template = {
      type: contract.type,
      source: undefined,
      dataschema: undefined,
      datacontenttype: undefined,
    }
    const event = builder.build(template, input, undefined, {
      expirytime: new Date(now + timeout).toISOString(),
      ...options.attributes,
    })
    const ended = this.#o.guard('instrumentation.request', () =>
      instrumentation?.request?.({ topic: contract.topic.name, event }),
    )
    const exchange = new Promise<Delivery>((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortedBy(signal))
        return
      }
      const onAbort = () => settle(abortedBy(signal))
      const timer = clock.setTimer(
        timeout,
        () => {
          this.#timedOut++
          settle(
            new BusError('REQUEST_TIMEOUT', `"${contract.type}" was not answered within ${timeout} ms`, {
              retryable: true,
              remedy: 'see whether a responder runs and keeps up, or pass a longer timeout',
            }),
          )
        },
        { keepAlive: true },
      )
      const settle = (outcome: Delivery | BusError): void => {
        if (!this.#pending.delete(requestId)) return
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
      this.#pending.set(requestId, { contract, settle })
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#sent++
      this.#openInbox()
        .then(inbox => {
          if (!this.#pending.has(requestId)) return undefined
          const message = new OutgoingMessage(
            { kind: 'request', topic: contract.topic.name },
            encodeEvent(event, options.headers),
            { expiresAt: now + timeout, replyTo: inbox.address, requestId },
            'publish',
          )
          return queue.enqueue(message, requestId, { timeout, ordered: false, once: true, signal: undefined })
        })
        .catch(error =>
          settle(
            isBusError(error)
              ? error
              : new BusError('INTERNAL', 'the request could not be sent', { cause: error }),
          ),
        )
    })
    if (ended !== undefined) {
      exchange.then(
        () => this.#o.guard('instrumentation.request', () => ended({ ok: true })),
        error => this.#o.guard('instrumentation.request', () => ended({ ok: false, error })),
      )
    }
    return exchange
  }

  #openInbox(): Promise<ReplyInbox> {
    this.#inbox ??= (
      this.#o.broker.replies?.(reply => this.#onReply(reply)) ??
      Promise.reject(
        new BusError('CAPABILITY_UNSUPPORTED', 'this adapter has no replies', { field: 'request' }),
      )
    ).catch(error => {
      this.#inbox = undefined
      throw error
    })
    return this.#inbox
  }

  #onReply(reply: Delivery): void {
    const pending = reply.requestId === undefined ? undefined : this.#pending.get(reply.requestId)
    if (pending === undefined) this.#late++
    else pending.settle(reply)
  }

  async #read(contract: AnyRequestContract, reply: Delivery): Promise<unknown> {
    const { envelope } = reply
    const bad = (problem: string, cause?: unknown) =>
      new BusError('INVALID_REPLY', `the reply to "${contract.type}" ${problem}`, {
        cause,
        remedy: 'see whether requester and responder share one version of the contract',
      })
    if (envelope === null) throw bad('cannot be decoded', reply.decodeError)
    const status = envelope.meta[META.replyStatus]
    let data: unknown
    try {
      data = decodeData(envelope)
    } catch (error) {
      throw bad('cannot be decoded', error)
    }
    if (status === 'error') {
      const said = envelope.meta[META.errorMessage] ?? 'without a message'
      throw new BusError('REMOTE_FAILURE', `the responder of "${contract.type}" failed: ${said}`, {
        remedy: "see the responder's log; declare the failures a requester should tell apart",
      })
    }
    const failure = status === 'failure' ? envelope.meta[META.errorCode] : undefined
    const schema = failure === undefined ? contract.output : failureSchema(contract, failure)
    if (schema === undefined) throw bad(`is the failure "${failure}", which the contract does not declare`)
    const checked = await validate(schema, data, failure === undefined ? 'output' : 'data')
    if (!checked.ok)
      throw bad(
        'breaks its schema',
        issuesError('SCHEMA_VIOLATION', `reply to "${contract.type}"`, checked.issues),
      )
    if (failure !== undefined) throw new RequestFailed(contract.type, failure, checked.value)
    return checked.value
  }
}

const abortedBy = (signal: AbortSignal | undefined) =>
  new BusError('ABORTED', 'the request was aborted by its caller', { cause: signal?.reason })
