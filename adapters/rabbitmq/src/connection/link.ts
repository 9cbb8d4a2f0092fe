import type { AdapterContext } from '@busbar/core/adapter'
import type { Timer } from '@busbar/core/time'
import type { ChannelModel } from 'amqplib'
import type { ResolvedOptions } from '../config/options.ts'
import { brokerFull, linkLost } from '../errors.ts'
import { destroy, openConnection } from './open.ts'
import { untilAborted } from './within.ts'

export interface LinkEvents {
  /** Called for each connection but the first; the link counts as up once it resolves, and is dropped if it rejects. */
  restore(model: ChannelModel): Promise<void>
  dropped(cause: unknown): void
  restored(): void
}

const FIRST_WAIT = 100
const LONGEST_WAIT = 2_000

/**
 * One connection that comes back. The driver's own recovery brings back connections only, with dead channels on them; here
 * whoever has channels makes them anew.
 */
export class Link {
  readonly #options: ResolvedOptions
  readonly #context: AdapterContext
  readonly #purpose: string
  readonly #events: LinkEvents
  #model: ChannelModel | undefined
  #state: 'down' | 'up' | 'closed' = 'down'
  #timer: Timer | undefined
  #tries = 0
  #connected: (() => void)[] = []
  #restored: (() => void)[] = []
  /** The broker takes no publishes: it ran out of memory or disk. */
  blocked = false

  constructor(options: ResolvedOptions, context: AdapterContext, purpose: string, events: LinkEvents) {
    this.#options = options
    this.#context = context
    this.#purpose = purpose
    this.#events = events
  }

  get up(): boolean {
    return this.#state === 'up'
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** @throws BusError CONNECTION_LOST while there is none. */
  get model(): ChannelModel {
    if (this.#model === undefined || this.#state === 'closed') throw linkLost()
    return this.#model
  }

  /** Resolves when there is a connection; it may be gone again by then. */
  whenConnected(): Promise<void> {
    if (this.#model !== undefined || this.#state === 'closed') return Promise.resolve()
    return new Promise(resolve => this.#connected.push(resolve))
  }

  /** Resolves when it is up, or closed for good. */
  whenUp(): Promise<void> {
    if (this.#state !== 'down') return Promise.resolve()
    return new Promise(resolve => this.#restored.push(resolve))
  }

  get serverVersion(): string {
    return String(this.model.connection.serverProperties.version)
  }

  async open(): Promise<void> {
    await this.#connect()
    this.#state = 'up'
  }

  /** Gives the connection up: it will be made anew. */
  drop(cause: unknown): void {
    const model = this.#model
    if (model === undefined || this.#state === 'closed') return
    this.#model = undefined
    destroy(model)
    this.#lost(cause)
  }

  async close(signal: AbortSignal): Promise<void> {
    const model = this.#model
    this.#state = 'closed'
    this.#timer?.cancel()
    this.#model = undefined
    this.#wake()
    for (const restored of this.#restored.splice(0)) restored()
    if (model === undefined) return
    await untilAborted(
      signal,
      model.close().catch(() => {}),
    )
    destroy(model)
  }

  async #connect(): Promise<void> {
    const model = await openConnection(this.#options, this.#context, this.#purpose)
    if (this.#state === 'closed') {
      destroy(model)
      throw linkLost()
    }
    this.blocked = false
    this.#model = model
    const gone = (cause: unknown) => {
      if (this.#model !== model) return
      this.#model = undefined
      this.#lost(cause)
    }
    let failure: unknown
    model.on('error', error => {
      failure = error
    })
    model.on('close', error => gone(error ?? failure))
    model.on('blocked', (reason: unknown) => {
      if (this.#model !== model || this.blocked) return
      this.blocked = true
      this.#context.onError(brokerFull(reason), this.#purpose)
    })
    model.on('unblocked', () => {
      if (this.#model === model) this.blocked = false
    })
    this.#wake()
  }

  #wake(): void {
    for (const connected of this.#connected.splice(0)) connected()
  }

  #lost(cause: unknown): void {
    if (this.#state === 'closed') return
    const wasUp = this.#state === 'up'
    this.#state = 'down'
    if (wasUp) this.#events.dropped(linkLost(cause))
    this.#later()
  }

  #later(): void {
    if (this.#timer !== undefined) return
    const wait = Math.min(FIRST_WAIT * 2 ** this.#tries++, LONGEST_WAIT)
    const jittered = wait * (0.5 + this.#context.random.next() / 2)
    this.#timer = this.#context.clock.setTimer(
      jittered,
      () => {
        this.#timer = undefined
        void this.#again()
      },
      { keepAlive: true },
    )
  }

  async #again(): Promise<void> {
    try {
      await this.#connect()
      const model = this.model
      await this.#events.restore(model)
      if (this.#model !== model || this.#state === 'closed') return
      this.#state = 'up'
      this.#tries = 0
      for (const restored of this.#restored.splice(0)) restored()
      this.#events.restored()
    } catch (error) {
      if (this.#state === 'closed') return
      this.#context.logger.debug('RabbitMQ is not back yet', { error })
      const model = this.#model
      this.#model = undefined
      if (model !== undefined) destroy(model)
      this.#later()
    }
  }
}
