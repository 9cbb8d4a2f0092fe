import type { Timer } from '@busbar/core/time'
import { nuid } from '@nats-io/nats-core'
import type { JetStreamApi } from '../../link/api.ts'
import type { Names } from '../../names.ts'
import type { ConsumerInfo, StreamInfo } from '../../topology/config.ts'
import type { Place } from '../../topology/provisioner.ts'
import { Claims } from './claims.ts'
import type { Lane } from './lane.ts'
import { LaneClaim } from './lane-claim.ts'
import { Members, shareOf } from './members.ts'

/** Members that start together are heard of before the first lane is claimed; in milliseconds. */
const GREETING = 30

export interface LaneOwnerOptions {
  readonly api: JetStreamApi
  readonly names: Names
  readonly place: Place
  readonly lanes: readonly Lane[]
  /** Milliseconds without a sign of life after which a member's lanes go to others. */
  readonly validity: number
  /** A lane is ours. Rejects when it cannot be read. */
  readonly gained: (claim: LaneClaim) => Promise<void>
  /** It is to go to another member: resolves when core has nothing of it any more. */
  readonly leaving: (lane: string) => Promise<void>
  /** Its position is stored and its claim given up. */
  readonly giveUp: (lane: string) => Promise<void>
  /** It is another's, or may be. */
  readonly lost: (lane: string) => void
  readonly onError: (error: unknown) => void
}

/** Holds this member's share of a group's lanes: as many as members alive divide into, handed over as they come and go. */
export class LaneOwner {
  readonly #o: LaneOwnerOptions
  readonly #id = nuid.next()
  readonly #claims: Claims
  readonly #members: Members
  readonly #claimed = new Map<string, LaneClaim>()
  readonly #leaving = new Map<string, Promise<void>>()
  #tick: Timer | undefined
  #balancing = false
  #again = false
  #wanted = false
  #goodbye: Promise<void> | undefined

  constructor(options: LaneOwnerOptions) {
    this.#o = options
    const { api, names, place, validity } = options
    this.#claims = new Claims(api, names, place.consumer)
    this.#members = new Members({
      link: api.link,
      subject: names.membersSubject(place.consumer),
      id: this.#id,
      validity,
      changed: () => void this.balance(),
    })
  }

  join(): void {
    this.#wanted = true
    if (this.#members.joined) return
    this.#members.join()
    this.#tickIn(GREETING)
  }

  /** After a reconnect. */
  again(): void {
    this.#members.again()
    void this.balance()
  }

  /** Gives up all lanes. Core has nothing of them. */
  leave(): Promise<void> {
    this.#wanted = false
    if (!this.#members.joined) return Promise.resolve()
    this.#goodbye ??= this.#giveUpAll().finally(() => {
      this.#goodbye = undefined
      if (this.#wanted) this.join()
    })
    return this.#goodbye
  }

  async #giveUpAll(): Promise<void> {
    this.#tick?.cancel()
    const lanes = [...this.#claimed.keys()]
    this.#claimed.clear()
    await Promise.all(lanes.map(lane => this.#o.giveUp(lane).catch(() => {})))
    this.#members.leave()
  }

  /** Takes what is missing to its share, gives up what is beyond. */
  async balance(): Promise<void> {
    this.#again = true
    if (this.#balancing) return
    this.#balancing = true
    try {
      while (this.#again && this.#wanted && this.#members.joined && this.#o.api.link.state === 'live') {
        this.#again = false
        await this.#balanceOnce()
      }
    } catch (error) {
      if (this.#o.api.link.state === 'live') this.#o.onError(error)
    } finally {
      this.#balancing = false
    }
  }

  async #balanceOnce(): Promise<void> {
    const { lanes } = this.#o
    const share = shareOf(this.#id, this.#members.ids, lanes.length)
    const kept = [...this.#claimed.keys()].filter(lane => !this.#leaving.has(lane))
    for (const lane of kept.slice(share)) this.#hand(lane)
    let missing = share - kept.length
    if (missing <= 0) return
    // Each begins elsewhere, so that members do not race for the same lanes.
    const from = Math.floor((this.#members.ids.indexOf(this.#id) * lanes.length) / this.#members.ids.length)
    for (let i = 0; i < lanes.length && missing > 0 && this.#wanted; i++) {
      const lane = lanes[(from + i) % lanes.length] as Lane
      if (this.#claimed.has(lane.id)) continue
      if (await this.#take(lane)) missing--
    }
  }

  async #take(lane: Lane): Promise<boolean> {
    const { api, validity, gained } = this.#o
    const claim = await LaneClaim.take({
      api,
      claims: this.#claims,
      lane,
      owner: this.#id,
      validity,
      start: () => this.#start(),
      crash: () => this.#crash(lane),
    })
    if (claim === undefined) return false
    if (!this.#wanted) {
      await claim.giveUp()
      return false
    }
    this.#claimed.set(lane.id, claim)
    try {
      await gained(claim)
      return true
    } catch (error) {
      this.#lose(lane.id, claim)
      throw error
    }
  }

  #hand(lane: string): void {
    const { leaving, giveUp, onError } = this.#o
    const handing = leaving(lane)
      .then(() => giveUp(lane))
      .catch(onError)
      .finally(() => {
        this.#leaving.delete(lane)
        this.#claimed.delete(lane)
        this.#members.say('freed')
        void this.balance()
      })
    this.#leaving.set(lane, handing)
  }

  #lose(lane: string, claim: LaneClaim): void {
    claim.drop()
    if (this.#claimed.get(lane) !== claim) return
    this.#claimed.delete(lane)
    this.#o.lost(lane)
  }

  #tickIn(milliseconds: number): void {
    const { api, validity } = this.#o
    this.#tick?.cancel()
    this.#tick = api.link.clock.setTimer(milliseconds, () => {
      if (!this.#members.joined) return
      for (const [lane, claim] of [...this.#claimed]) {
        if (claim.active) claim.renew()
        else this.#lose(lane, claim)
      }
      void this.balance()
      this.#tickIn(validity / 12)
    })
  }

  /** Where the group's own consumer was made to begin: nobody reads it, so it stays there. */
  async #start(): Promise<number> {
    const { api, place } = this.#o
    const info = await api.call<ConsumerInfo>(`CONSUMER.INFO.${place.stream}.${place.consumer}`)
    return info.delivered.stream_seq
  }

  async #crash(lane: Lane): Promise<{ read: number; stored: number }> {
    const { api, place } = this.#o
    const [consumer, stream] = await Promise.all([
      api.find<ConsumerInfo>(`CONSUMER.INFO.${place.stream}.${lane.consumer}`),
      api.call<StreamInfo>(`STREAM.INFO.${place.stream}`),
    ])
    return { read: consumer?.delivered.stream_seq ?? 0, stored: stream.state.last_seq }
  }
}
