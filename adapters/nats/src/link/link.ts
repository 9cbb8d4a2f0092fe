import { BusError } from '@busbar/core/adapter'
import type { Clock } from '@busbar/core/time'
import {
  type Msg,
  type NatsConnection,
  nuid,
  type PublishOptions,
  type Status,
  type Subscription,
} from '@nats-io/nats-core'
import { connectionLost, noAnswer, permissionDenied } from '../errors.ts'
import { asDriverHeaders } from '../wire/headers.ts'

/** What became of one call: an answer, or the reason why there is none. */
export type Answer = { readonly message: Msg } | { readonly error: BusError }

interface Call {
  readonly subject: string
  readonly answer: (answer: Answer) => void
}

export interface LinkListener {
  down(cause: unknown): void
  up(): void
}

export type LinkState = 'live' | 'down' | 'closed'

/**
 * The connection, with calls and answers of its own: the driver's `request` makes two error objects for each call, a
 * third of a publish's cost, and forgets calls at a reconnect. The driver reconnects by itself, for ever.
 */
export class Link {
  readonly clock: Clock
  state: LinkState = 'live'
  readonly #nc: NatsConnection
  readonly #inbox: string
  readonly #calls = new Map<string, Call>()
  readonly #listeners = new Set<LinkListener>()
  readonly #onError: (error: BusError) => void
  readonly #onDown: () => void
  #counter = 0
  /** Why answers cannot be heard. */
  #deaf: BusError | undefined

  constructor(
    nc: NatsConnection,
    options: { clock: Clock; inboxPrefix: string; onError: (error: BusError) => void; onDown: () => void },
  ) {
    this.#nc = nc
    this.clock = options.clock
    this.#onError = options.onError
    this.#onDown = options.onDown
    this.#inbox = `${options.inboxPrefix}.${nuid.next()}.`
    this.#nc.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error === null) this.#answered(message)
        else this.#inboxRefused(permissionDenied(error, 'inboxPrefix'))
      },
    })
    void this.#watch()
  }

  get info() {
    return this.#nc.info
  }

  listen(listener: LinkListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  publish(
    subject: string,
    body: Uint8Array | string,
    options?: { headers?: Uint8Array; reply?: string },
  ): void {
    if (options === undefined) {
      this.#nc.publish(subject, body)
      return
    }
    const { headers, reply } = options
    const driver: PublishOptions = {}
    if (headers !== undefined) driver.headers = asDriverHeaders(headers)
    if (reply !== undefined) driver.reply = reply
    this.#nc.publish(subject, body, driver)
  }

  /** @param refused called when the user may not subscribe; default: it is reported. */
  subscribe(
    subject: string,
    handle: (message: Msg) => void,
    queue?: string,
    refused: (error: BusError) => void = this.#onError,
  ): Subscription {
    return this.#nc.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) handle(message)
        else refused(permissionDenied(error))
      },
    })
  }

  /** Announces a call; the subject to reply to. The caller gives it up by {@link forget}. */
  expect(subject: string, answer: (answer: Answer) => void): string {
    const reply = this.#inbox + (++this.#counter).toString(36)
    this.#calls.set(reply, { subject, answer })
    return reply
  }

  forget(reply: string): boolean {
    return this.#calls.delete(reply)
  }

  /** One call with a limit in milliseconds. */
  call(subject: string, body: Uint8Array | string, timeout: number, headers?: Uint8Array): Promise<Msg> {
    if (this.state !== 'live') return Promise.reject(connectionLost())
    if (this.#deaf !== undefined) return Promise.reject(this.#deaf)
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimer(
        timeout,
        () => {
          if (this.forget(reply)) reject(noAnswer(subject))
        },
        { keepAlive: true },
      )
      const reply = this.expect(subject, answer => {
        timer.cancel()
        if ('message' in answer) resolve(answer.message)
        else reject(answer.error)
      })
      try {
        this.publish(subject, body, { reply, ...(headers === undefined ? {} : { headers }) })
      } catch (error) {
        timer.cancel()
        this.forget(reply)
        reject(error)
      }
    })
  }

  /** Resolves when the server has read all that was sent until now. Rejects when the link goes down before. */
  flush(timeout: number): Promise<void> {
    if (this.state !== 'live') return Promise.reject(connectionLost())
    return new Promise((resolve, reject) => {
      const end = (error?: unknown) => {
        timer.cancel()
        unlisten()
        if (error === undefined) resolve()
        else reject(error)
      }
      const timer = this.clock.setTimer(timeout, () => end(noAnswer('flush')), { keepAlive: true })
      const unlisten = this.listen({ down: cause => end(connectionLost(cause)), up() {} })
      this.ping().then(() => end(), end)
    })
  }

  /** As {@link flush}, without a limit of time: it rejects when the driver dials again. */
  ping(): Promise<void> {
    return this.#nc.flush()
  }

  /** Resolves when the link is live; rejects after `timeout` milliseconds. */
  live(timeout: number): Promise<void> {
    if (this.state === 'live') return Promise.resolve()
    if (this.state === 'closed') return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimer(
        timeout,
        () => {
          unlisten()
          reject(connectionLost())
        },
        { keepAlive: true },
      )
      const unlisten = this.listen({
        up() {
          timer.cancel()
          unlisten()
          resolve()
        },
        down() {
          timer.cancel()
          unlisten()
          reject(closed())
        },
      })
    })
  }

  async close(signal: AbortSignal): Promise<void> {
    if (this.state === 'closed') return
    const wasLive = this.state === 'live'
    this.#fail(closed())
    this.state = 'closed'
    for (const listener of [...this.#listeners]) listener.down(closed())
    const aborted = new Promise<void>(resolve => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    if (wasLive) await Promise.race([this.#nc.flush().catch(() => {}), aborted])
    await Promise.race([this.#nc.close().catch(() => {}), aborted])
  }

  #answered(message: Msg): void {
    const call = this.#calls.get(message.subject)
    if (call === undefined) return
    this.#calls.delete(message.subject)
    call.answer({ message })
  }

  /** Without an inbox no call can be answered. */
  #inboxRefused(error: BusError): void {
    this.#deaf = error
    this.#fail(error)
  }

  #fail(error: BusError): void {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    for (const call of calls) call.answer({ error })
  }

  async #watch(): Promise<void> {
    for await (const status of this.#nc.status()) this.#onStatus(status)
    const error = await this.#nc.closed()
    if (this.state !== 'closed') this.#goDown(error ?? closed())
  }

  #onStatus(status: Status): void {
    if (this.state === 'closed') return
    switch (status.type) {
      case 'disconnect':
      case 'staleConnection':
      case 'forceReconnect':
        this.#goDown(status.type)
        return
      case 'reconnect':
        if (this.state === 'live') return
        this.state = 'live'
        this.#deaf = undefined
        for (const listener of [...this.#listeners]) listener.up()
        return
      case 'error':
        this.#refused(status.error)
    }
  }

  #goDown(cause: unknown): void {
    if (this.state !== 'live') return
    this.state = 'down'
    this.#onDown()
    this.#fail(connectionLost(cause))
    for (const listener of [...this.#listeners]) listener.down(cause)
  }

  /** The server names the subject that it refused; whoever waits for an answer from there need not wait longer. */
  #refused(error: Error): void {
    const subject = (error as { subject?: unknown }).subject
    if (typeof subject !== 'string') return
    const denied = permissionDenied(error)
    let waiting = false
    for (const [reply, call] of [...this.#calls]) {
      if (call.subject !== subject) continue
      waiting = true
      this.#calls.delete(reply)
      call.answer({ error: denied })
    }
    if (!waiting) this.#onError(denied)
  }
}

const closed = () => new BusError('BUS_CLOSED', 'the connection to NATS is closed')
