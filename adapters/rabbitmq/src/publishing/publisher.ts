import { BusError } from '@busbar/core/adapter'
import type { Clock, Timer } from '@busbar/core/time'
import type { ChannelModel, ConfirmChannel, Message, Options } from 'amqplib'
import type { Link } from '../connection/link.ts'
import { within } from '../connection/within.ts'
import { brokerFull, linkLost, noAnswer, operationError, tooLarge } from '../errors.ts'
import type { WireMessage } from '../wire/encode.ts'

/** One message and where it goes. */
export interface Post {
  readonly exchange: string
  readonly routingKey: string
  readonly message: WireMessage
  /** Survives a restart of the broker. */
  readonly persistent: boolean
  /** Milliseconds after which the broker may drop it. */
  readonly expiration?: number | undefined
  readonly replyTo?: string | undefined
  /** Of a message that is copied: what its first sender said beside headers. */
  readonly properties?: Readonly<Record<string, unknown>> | undefined
}

export type Posted =
  /** `routed`: at least one queue has it. */
  | { readonly status: 'confirmed'; readonly routed: boolean }
  | { readonly status: 'failed'; readonly error: BusError }
  | { readonly status: 'unknown'; readonly cause: unknown }

export interface PublisherOptions {
  readonly link: Link
  readonly clock: Clock
  /** Milliseconds without any confirmation, while some are due, after which the link counts as dead. */
  readonly timeout: number
  readonly messageBytes: number
  /** Whether what is posted during an outage waits for its end, up to `timeout`, or fails at once. */
  readonly patient: boolean
  /** The channel ended while the connection stayed. */
  readonly onChannelError: (error: unknown) => void
  /** Sets up more on the same channel. */
  readonly prepare?: (channel: ConfirmChannel) => Promise<void>
}

interface Pending {
  readonly exchange: string
  readonly bytes: number
  returned: boolean
  readonly settle: (posted: Posted) => void
}

const ROUTED: Posted = { status: 'confirmed', routed: true }
const UNROUTED: Posted = { status: 'confirmed', routed: false }

/** What the driver says of a nack; everything else it says is about the channel. */
const NACKED = 'message nacked'

let instances = 0

/** Publishes with confirmations, on a channel of its own that is made anew when it ends. Every post settles. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #pending = new Map<string, Pending>()
  readonly #instance = `${process.pid.toString(36)}-${Date.now().toString(36)}-${(++instances).toString(36)}`
  #channel: ConfirmChannel | undefined
  #opening: Promise<ConfirmChannel> | undefined
  /** Exchanges that took something from this channel. */
  readonly #accepting = new Set<string>()
  #count = 0
  #watch: Timer | undefined
  #progress = 0
  #closed = false

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Makes the channel on a new connection, before anything is posted. */
  async restore(model: ChannelModel): Promise<void> {
    await this.#open(model)
  }

  get pending(): number {
    return this.#pending.size
  }

  post(posts: readonly Post[]): Promise<readonly Posted[]> {
    const channel = this.#channel
    if (channel !== undefined) return this.#send(channel, posts)
    return this.#ready().then(
      ready => this.#send(ready, posts),
      error =>
        posts.map(
          (): Posted => ({ status: 'failed', error: error instanceof BusError ? error : linkLost(error) }),
        ),
    )
  }

  close(): void {
    this.#closed = true
    this.#settleAll({ status: 'unknown', cause: linkLost() })
    const channel = this.#channel
    this.#channel = undefined
    try {
      channel?.close().catch(() => {})
    } catch {
      // It ended by itself.
    }
  }

  async #ready(): Promise<ConfirmChannel> {
    const { link, clock, timeout, patient } = this.#options
    if (!link.up && patient) await within(clock, timeout, link.whenUp(), 'connecting')
    if (this.#closed || !link.up) throw linkLost()
    if (this.#channel !== undefined) return this.#channel
    this.#opening ??= this.#open(link.model).finally(() => {
      this.#opening = undefined
    })
    return within(clock, timeout, this.#opening, 'a channel')
  }

  async #open(model: ChannelModel): Promise<ConfirmChannel> {
    const channel = await model.createConfirmChannel()
    let failure: unknown
    channel.on('error', error => {
      failure = error
    })
    channel.on('return', message => this.#returned(message))
    channel.on('close', () => {
      if (this.#channel !== channel) return
      this.#channel = undefined
      this.#settleRefused(failure)
      this.#settleAll({ status: 'unknown', cause: linkLost(failure) })
      if (failure !== undefined) this.#options.onChannelError(failure)
    })
    await this.#options.prepare?.(channel)
    this.#accepting.clear()
    this.#channel = channel
    return channel
  }

  #send(channel: ConfirmChannel, posts: readonly Post[]): Promise<readonly Posted[]> {
    return new Promise(resolve => {
      const results = new Array<Posted>(posts.length)
      let left = posts.length
      for (let i = 0; i < posts.length; i++) {
        this.#one(channel, posts[i] as Post, posted => {
          results[i] = posted
          if (--left === 0) resolve(results)
        })
      }
    })
  }

  #one(channel: ConfirmChannel, post: Post, settle: (posted: Posted) => void): void {
    const refusal = this.#refusal(post)
    if (refusal !== undefined) {
      settle({ status: 'failed', error: refusal })
      return
    }
    // A returned message names itself by this id alone, so each try has its own.
    const messageId = `${this.#instance}-${(++this.#count).toString(36)}`
    const pending: Pending = {
      exchange: post.exchange,
      bytes: post.message.body.length,
      returned: false,
      settle,
    }
    const { exchange, routingKey, message } = post
    try {
      channel.publish(
        exchange,
        routingKey,
        message.body,
        { ...propertiesOf(post), messageId, mandatory: true },
        error => this.#confirmed(messageId, error),
      )
    } catch (error) {
      settle({ status: 'failed', error: unsendable(error) })
      return
    }
    this.#pending.set(messageId, pending)
    this.#startWatch()
  }

  #refusal({ message }: Post): BusError | undefined {
    const { link, messageBytes } = this.#options
    if (link.blocked) return brokerFull()
    if (message.body.length <= messageBytes) return undefined
    return tooLarge(`${message.body.length} bytes, and RabbitMQ takes ${messageBytes}`)
  }

  #returned(message: Message): void {
    const pending = this.#pending.get(String(message.properties.messageId))
    if (pending !== undefined) pending.returned = true
  }

  #confirmed(messageId: string, error: unknown): void {
    const pending = this.#pending.get(messageId)
    if (pending === undefined) return
    // The end of the channel: its listener here comes after the driver's, and knows the reason.
    if (error instanceof Error && error.message !== NACKED) return
    this.#pending.delete(messageId)
    this.#progress++
    this.#accepting.add(pending.exchange)
    if (error === null || error === undefined) pending.settle(pending.returned ? UNROUTED : ROUTED)
    else {
      // A nack: a queue is full, or could not write.
      pending.settle({
        status: 'failed',
        error: new BusError('BROKER_REJECTED', 'RabbitMQ refused the message (nack)', {
          retryable: true,
          cause: error,
          remedy: 'a queue is at its length limit, or has no majority of its replicas',
        }),
      })
    }
  }

  /** The broker ends a channel over one message. That one is surely not stored; what else was on the channel may be. */
  #settleRefused(failure: unknown): void {
    const { code, message = '' } = (failure ?? {}) as { code?: unknown; message?: string }
    const bytes = Number(/message size (\d+)/.exec(message)?.[1])
    for (const [id, pending] of this.#pending) {
      const { exchange } = pending
      // Nothing of what is meant for an exchange that is refused gets in, unless it took something before.
      const noExchange =
        (code === 403 || code === 404) &&
        message.includes(`exchange '${exchange}'`) &&
        !this.#accepting.has(exchange)
      if (!noExchange && !(code === 406 && pending.bytes === bytes)) continue
      this.#pending.delete(id)
      const error = noExchange
        ? operationError(failure, `exchange ${exchange}`)
        : tooLarge(`${bytes} bytes, and RabbitMQ takes less`, failure)
      pending.settle({ status: 'failed', error })
    }
  }

  #settleAll(posted: Posted): void {
    this.#watch?.cancel()
    this.#watch = undefined
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const pending of all) pending.settle(posted)
  }

  /** Nothing bounds how long a broker may take for a confirmation; a caller must not wait for ever. */
  #startWatch(): void {
    if (this.#watch !== undefined) return
    const { clock, timeout, link } = this.#options
    const before = this.#progress
    this.#watch = clock.setTimer(timeout, () => {
      this.#watch = undefined
      if (this.#pending.size === 0) return
      if (this.#progress !== before) {
        this.#startWatch()
        return
      }
      const cause = noAnswer('confirmation')
      this.#settleAll({ status: 'unknown', cause })
      // A blocked broker is alive, and will store what it has already received.
      if (!link.blocked) link.drop(cause)
    })
  }
}

export function propertiesOf(post: Post): Options.Publish {
  const { message, persistent, expiration, replyTo, properties } = post
  return {
    ...properties,
    headers: message.headers,
    persistent,
    ...(message.contentType === undefined ? {} : { contentType: message.contentType }),
    ...(expiration === undefined ? {} : { expiration: String(expiration) }),
    ...(replyTo === undefined ? {} : { replyTo }),
  }
}

export function unsendable(error: unknown): BusError {
  if (error instanceof RangeError) {
    return new BusError('PAYLOAD_TOO_LARGE', 'attributes and headers do not fit into one frame', {
      cause: error,
      field: 'headers',
    })
  }
  const { name } = (error ?? {}) as { name?: string }
  if (name === 'IllegalOperationError') return linkLost(error)
  return new BusError('BROKER_REJECTED', 'the driver refused the message', { cause: error })
}
