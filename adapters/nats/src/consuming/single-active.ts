import type { Timer } from '@busbar/core/time'
import { type Msg, nuid, type Subscription } from '@nats-io/nats-core'
import type { JetStreamApi } from '../link/api.ts'
import type { Names } from '../names.ts'
import { encodeHeaders } from '../wire/headers.ts'
import { publishAck } from './records.ts'

interface Claim {
  readonly sequence: number
  /** Empty: given up by its owner. */
  readonly owner: string
}

export interface SingleActiveOptions {
  readonly api: JetStreamApi
  readonly names: Names
  readonly consumer: string
  /** Milliseconds after which a claim that is not renewed is over. */
  readonly validity: number
  /** Its turn: nobody else of the group has anything in hand. */
  readonly begin: () => Promise<void>
  /** Somebody else's turn, without having been asked: what is in hand must be let go. */
  readonly lost: () => void
}

/**
 * Lets one member of an ordered group read at a time: the others wait for it to go. A claim is the last message of one
 * subject, replaced only by who has seen it; whether it is renewed is judged by the watcher's own clock.
 */
export class SingleActive {
  readonly #o: SingleActiveOptions
  readonly #id = nuid.next()
  readonly #subject: string
  readonly #news: Subscription
  #wanted = false
  #own: number | undefined
  #renewedAt = 0
  #seen: { claim: Claim; since: number } | undefined
  #timer: Timer | undefined
  #busy = false

  constructor(options: SingleActiveOptions) {
    this.#o = options
    this.#subject = options.names.claimSubject(options.consumer)
    this.#news = options.api.link.subscribe(this.#subject, message => this.#heard(message))
  }

  get active(): boolean {
    return this.#own !== undefined && this.#now - this.#renewedAt < this.#o.validity
  }

  want(): void {
    if (this.#wanted) return
    this.#wanted = true
    void this.#look()
  }

  /** Lets another have its turn; call it when nothing is in hand. */
  async yield(): Promise<void> {
    this.#wanted = false
    this.#timer?.cancel()
    const own = this.#own
    this.#own = undefined
    if (own === undefined || this.#o.api.link.state !== 'live') return
    await this.#publish('', own).catch(() => {})
  }

  close(): Promise<void> {
    try {
      this.#news.unsubscribe()
    } catch {
      // The connection is closed: nothing is subscribed any more.
    }
    return this.yield()
  }

  get #now(): number {
    return this.#o.api.link.clock.now()
  }

  #heard(message: Msg): void {
    if (this.#wanted && this.#own === undefined && message.data.length === 0) void this.#look()
  }

  /** Renews, claims, or watches; again and again. */
  async #look(): Promise<void> {
    if (this.#busy || !this.#wanted) return
    this.#busy = true
    this.#timer?.cancel()
    try {
      if (this.#own === undefined) await this.#tryClaim()
      else await this.#renew(this.#own)
    } catch {
      // Without an answer the claim runs out by itself.
    }
    if (this.#own !== undefined && !this.active) this.#over()
    this.#busy = false
    this.#timer = this.#o.api.link.clock.setTimer(this.#o.validity / 4, () => void this.#look())
  }

  async #tryClaim(): Promise<void> {
    const claim = await this.#read()
    const now = this.#now
    if (claim !== undefined && claim.owner !== '') {
      if (this.#seen?.claim.sequence !== claim.sequence) this.#seen = { claim, since: now }
      if (now - this.#seen.since < this.#o.validity) return
    }
    const taken = claim !== undefined && claim.owner !== ''
    const own = await this.#publish(this.#id, claim?.sequence ?? 0)
    if (!this.#wanted) {
      await this.#publish('', own)
      return
    }
    this.#renewedAt = now
    // Who went without a word gave its last sign of life after its last renewal: what it had comes back a little later.
    if (taken) {
      const rest = this.#o.validity / 4 + 100
      await new Promise<void>(resolve => this.#o.api.link.clock.setTimer(rest, resolve, { keepAlive: true }))
    }
    if (!this.#wanted) {
      await this.#publish('', own)
      return
    }
    this.#own = own
    await this.#o.begin()
  }

  async #renew(own: number): Promise<void> {
    const now = this.#now
    try {
      this.#own = await this.#publish(this.#id, own)
      this.#renewedAt = now
    } catch (error) {
      // Another has claimed it: the server says that it knows a later one.
      if ((error as { cause?: { err_code?: number } }).cause?.err_code === 10071) this.#over()
      throw error
    }
  }

  #over(): void {
    this.#own = undefined
    this.#seen = undefined
    this.#o.lost()
  }

  async #publish(owner: string, expected: number): Promise<number> {
    const { link, timeout } = this.#o.api
    const headers = encodeHeaders([], [['Nats-Expected-Last-Subject-Sequence', String(expected)]])
    const answer = await link.call(this.#subject, owner, Math.min(timeout, this.#o.validity), headers)
    return publishAck(answer, this.#subject).seq
  }

  async #read(): Promise<Claim | undefined> {
    const found = await this.#o.api.find<{ message: { seq: number; data?: string } }>(
      `STREAM.MSG.GET.${this.#o.names.stateStream}`,
      { last_by_subj: this.#subject },
    )
    if (found === undefined) return undefined
    return { sequence: found.message.seq, owner: Buffer.from(found.message.data ?? '', 'base64').toString() }
  }
}
