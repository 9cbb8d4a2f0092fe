import type { Timer } from '@busbar/core/time'
import type { Msg, Subscription } from '@nats-io/nats-core'
import type { Link } from '../../link/link.ts'

/** What members of a group tell each other; core NATS, not stored. */
type Word = 'hello' | 'here' | 'freed' | 'bye'

export interface MembersOptions {
  readonly link: Link
  readonly subject: string
  readonly id: string
  /** Milliseconds without a word after which a member is taken for dead. */
  readonly validity: number
  /** Members came or went, or one has given up a lane. */
  readonly changed: () => void
}

/** Who is alive in an ordered group, so that each can tell its share without asking. */
export class Members {
  readonly #o: MembersOptions
  readonly #others = new Map<string, number>()
  #subscription: Subscription | undefined
  #pulse: Timer | undefined

  constructor(options: MembersOptions) {
    this.#o = options
  }

  get joined(): boolean {
    return this.#subscription !== undefined
  }

  /** In the same order for all members. */
  get ids(): string[] {
    return [...this.#others.keys(), this.#o.id].sort()
  }

  join(): void {
    if (this.joined) return
    this.#subscription = this.#o.link.subscribe(this.#o.subject, message => this.#heard(message))
    this.say('hello')
    this.#beat()
  }

  /** After a reconnect: those who were not heard meanwhile may be alive. */
  again(): void {
    if (!this.joined) return
    const now = this.#o.link.clock.now()
    for (const id of this.#others.keys()) this.#others.set(id, now)
    this.say('hello')
  }

  leave(): void {
    if (!this.joined) return
    this.say('bye')
    this.#pulse?.cancel()
    this.#others.clear()
    try {
      this.#subscription?.unsubscribe()
    } catch {
      // The connection is closed: nothing is subscribed any more.
    }
    this.#subscription = undefined
  }

  say(word: Word): void {
    if (this.#o.link.state === 'live') this.#o.link.publish(this.#o.subject, `${word} ${this.#o.id}`)
  }

  #heard(message: Msg): void {
    const [word, id] = message.string().split(' ')
    if (id === undefined || id === this.#o.id) return
    if (word === 'bye') {
      if (this.#others.delete(id)) this.#o.changed()
      return
    }
    const isNew = !this.#others.has(id)
    this.#others.set(id, this.#o.link.clock.now())
    if (word === 'hello') this.say('here')
    if (isNew || word === 'freed') this.#o.changed()
  }

  #beat(): void {
    const { link, validity, changed } = this.#o
    this.#pulse = link.clock.setTimer(validity / 4, () => {
      this.say('here')
      const oldest = link.clock.now() - validity
      let gone = false
      // Without a link nobody is heard: that says nothing about them.
      if (link.state === 'live')
        for (const [id, heard] of this.#others) if (heard < oldest) gone = this.#others.delete(id) || gone
      this.#beat()
      if (gone) changed()
    })
  }
}

/** How many of `lanes` are a member's: as even as can be, and together all of them. */
export function shareOf(id: string, members: readonly string[], lanes: number): number {
  const place = members.indexOf(id)
  return Math.floor(lanes / members.length) + (place < lanes % members.length ? 1 : 0)
}
