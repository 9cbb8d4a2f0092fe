import { type BusError, isBusError } from '@busbar/core/adapter'
import type { Clock, Random, Timer } from '@busbar/core/time'
import {
  connectError,
  connectionClosed,
  connectionLost,
  isReplyError,
  type Place,
  replyError,
} from '../errors.ts'
import type { Script } from '../scripts/script.ts'
import { awaitsHandshake, type Client } from './driver.ts'
import { type Argument, EncodedCommand, isBytes } from './encode.ts'
import { Watchdog } from './watchdog.ts'

export type { Argument } from './encode.ts'

export interface LinkOptions {
  /** Makes a client for each attempt. */
  readonly open: () => Promise<Client>
  /** Where the server is, for messages. */
  readonly where: Place
  readonly clock: Clock
  readonly random: Random
  /** Milliseconds for one attempt to connect. */
  readonly connectTimeout: number
  /** Milliseconds without any answer, while one is due, after which the connection counts as lost. */
  readonly timeout: number
  /** Whether to ask for the connection's number. */
  readonly identify?: boolean
  /** Called on each connection before anything else uses it. A rejection counts as a failed attempt. */
  onConnected?(client: Client): Promise<void>
  onUp?(): void
  onDown?(cause: unknown): void
  /** An attempt to reconnect failed. */
  onAttemptFailed?(error: unknown): void
}

const FIRST_WAIT = 50
const LONGEST_WAIT = 2_000

/** One connection to the server that comes back by itself. */
export class Link {
  state: 'down' | 'up' | 'closed' = 'down'
  readonly #o: LinkOptions
  #client: Client | undefined
  #attempt: Client | undefined
  #id: string | undefined
  readonly #watchdog: Watchdog
  #retry: Timer | undefined
  #failures = 0
  readonly #known = new Set<string>()
  readonly #waiting = new Set<() => void>()

  constructor(options: LinkOptions) {
    this.#o = options
    this.#watchdog = new Watchdog(options.clock, options.timeout, () => this.#client?.disconnect())
  }

  /** The first connection. @throws BusError */
  async connect(): Promise<void> {
    await this.#attemptOnce()
  }

  /** Connects in the background, and again whenever it is lost. */
  start(): void {
    this.#attemptOnce().catch(error => {
      this.#o.onAttemptFailed?.(error)
      this.#again()
    })
  }

  /** Rejects with CONNECTION_LOST and no cause if nothing was sent; with anything else the outcome may be unknown. */
  call(command: string, args: readonly Argument[], patience = 0): Promise<unknown> {
    const client = this.#client
    if (this.state !== 'up' || client === undefined) return Promise.reject(this.#absent())
    this.#watchdog.sent(patience)
    return this.#answer(
      args.some(isBytes)
        ? client.sendCommand(new EncodedCommand(command, args, args.slice(0, 1)))
        : client.callBuffer(command, args as (string | number)[]),
    )
  }

  /** Runs a script by its digest; a server that does not know it gets the whole of it. */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    if (!this.#known.has(script.sha)) return this.#runWhole(script, keys, args)
    try {
      return await this.#eval('EVALSHA', script.sha, keys, args)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return this.#runWhole(script, keys, args)
    }
  }

  /** The server's number for the connection, where it is one connection. */
  get id(): string | undefined {
    return this.#id
  }

  /** Does what may be done twice, and does it again when the connection is lost meanwhile, until the time for an answer is over. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    const until = this.#o.clock.now() + this.#o.timeout
    for (;;) {
      try {
        return await work()
      } catch (error) {
        const wait = until - this.#o.clock.now()
        if (isBusError(error) ? error.code !== 'CONNECTION_LOST' : isReplyError(error)) throw error
        if (wait <= 0 || !(await this.upWithin(wait))) throw error
      }
    }
  }

  /** Whether it is up within `wait` milliseconds. */
  upWithin(wait: number): Promise<boolean> {
    if (this.state !== 'down') return Promise.resolve(this.state === 'up')
    return new Promise(resolve => {
      const done = () => {
        timer.cancel()
        this.#waiting.delete(done)
        resolve(this.state === 'up')
      }
      const timer = this.#o.clock.setTimer(wait, done)
      this.#waiting.add(done)
    })
  }

  /** For what has no answer of its own, such as SUBSCRIBE. */
  get client(): Client | undefined {
    return this.#client
  }

  /** Ends the connection; it comes back. */
  drop(): void {
    this.#client?.disconnect()
  }

  /** Resolves when all that was on its way has been told. */
  async close(): Promise<void> {
    if (this.state === 'closed') return
    const client = this.#client
    const up = this.state === 'up'
    this.state = 'closed'
    this.#watchdog.reset()
    this.#retry?.cancel()
    this.#attempt?.disconnect()
    this.#client?.disconnect()
    this.#client = undefined
    for (const waiting of [...this.#waiting]) waiting()
    if (up) this.#o.onDown?.(connectionClosed())
    if (client !== undefined && client.status !== 'end')
      await new Promise<void>(resolve => client.once('end', resolve))
    await new Promise<void>(resolve => setImmediate(resolve))
  }

  async #runWhole(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const answer = await this.#eval('EVAL', script.lua, keys, args)
    this.#known.add(script.sha)
    return answer
  }

  #eval(
    command: 'EVAL' | 'EVALSHA',
    script: string,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    const client = this.#client
    if (this.state !== 'up' || client === undefined) return Promise.reject(this.#absent())
    this.#watchdog.sent(0)
    const routing = [script, keys.length, ...keys]
    return this.#answer(client.sendCommand(new EncodedCommand(command, [...routing, ...args], routing)))
  }

  #answer(answer: unknown): Promise<unknown> {
    const promise = answer as Promise<unknown>
    promise.then(this.#watchdog.answered, this.#watchdog.answered)
    return promise
  }

  #absent(): Error {
    return this.state === 'closed' ? connectionClosed() : new NotSent()
  }

  async #attemptOnce(): Promise<void> {
    const { clock, connectTimeout, where } = this.#o
    let problem: unknown
    let client: Client
    try {
      client = await this.#o.open()
    } catch (error) {
      throw connectError(error, where)
    }
    if (this.#isClosed()) return client.disconnect()
    this.#attempt = client
    client.on('error', error => {
      problem = rootOf(error)
    })
    const late = clock.setTimer(connectTimeout, () => {
      problem ??= Object.assign(new Error('no answer in time'), {
        code: awaitsHandshake(client) ? 'ERR_TLS_HANDSHAKE_TIMEOUT' : 'ETIMEDOUT',
      })
      client.disconnect()
    })
    let ended = false
    client.on('end', () => {
      ended = true
      if (this.#client === client) this.#lost(problem)
    })
    try {
      await client.connect()
      await this.#o.onConnected?.(client)
      if (this.#o.identify === true) this.#id = String(await client.call('CLIENT', 'ID'))
      if (ended) throw new Error('the connection was closed at once')
    } catch (error) {
      client.disconnect()
      const reason = isReplyError(error) ? error : (problem ?? rootOf(error))
      throw connectError(reason, where)
    } finally {
      late.cancel()
      this.#attempt = undefined
    }
    if (this.#isClosed()) return client.disconnect()
    this.#client = client
    this.#watchdog.reset()
    this.#failures = 0
    this.#known.clear()
    this.state = 'up'
    for (const waiting of [...this.#waiting]) waiting()
    this.#o.onUp?.()
  }

  #isClosed(): boolean {
    return this.state === 'closed'
  }

  #lost(cause: unknown): void {
    this.#client = undefined
    this.#watchdog.reset()
    if (this.state === 'closed') return
    this.state = 'down'
    this.#o.onDown?.(connectionLost(cause))
    this.#again()
  }

  #again(): void {
    if (this.state !== 'down') return
    const longest = Math.min(FIRST_WAIT * 2 ** this.#failures++, LONGEST_WAIT)
    // Half of the wait by chance: members that lost the same server must not come back in step.
    const wait = longest / 2 + this.#o.random.next() * (longest / 2)
    this.#retry = this.#o.clock.setTimer(wait, () => this.start())
  }
}

/** Surely not sent: there was no connection. */
export class NotSent extends Error {
  constructor() {
    super('not connected')
  }
}

/** The error of a call as users see it. */
export function callError(error: unknown): BusError {
  if (isBusError(error)) return error
  if (error instanceof NotSent) return connectionLost()
  return isReplyError(error) ? replyError(error) : connectionLost(error)
}

/** A cluster's error hides that of its last node. */
function rootOf(error: unknown): unknown {
  const last = (error as { lastNodeError?: unknown } | undefined)?.lastNodeError
  return last ?? error
}
