import { isBusError } from '@busbar/core/adapter'
import type { Clock } from '@busbar/core/time'
import type { Channel } from 'amqplib'
import type { Admin } from '../connection/admin.ts'
import { pause } from '../connection/within.ts'
import type { Names } from './names.ts'

export interface RegisteredGroup {
  readonly topic: string
  readonly group: string
}

export interface RegisteredTopic {
  readonly topic: string
  readonly exchange: string
  /** Whether the exchange is somebody else's. */
  readonly foreign: boolean
}

type Registered = RegisteredGroup | RegisteredTopic

/** Milliseconds. */
const LOOK_AGAIN = 20
const TURN_WITHIN = 30_000

/**
 * The topics and groups that were ever made under one prefix, as messages in a queue: over AMQP nothing can be listed, and the
 * management plugin may be off. Each is entered before it is made, so what is there is in here; what is gone is harmless.
 */
export class Registry {
  readonly #admin: Admin
  readonly #names: Names
  readonly #clock: Clock

  constructor(admin: Admin, names: Names, clock: Clock) {
    this.#admin = admin
    this.#names = names
    this.#clock = clock
  }

  async add(entry: Registered): Promise<void> {
    const queue = this.#names.registry
    await this.#admin.run(`queue ${queue}`, async channel => {
      await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'classic' } })
      channel.sendToQueue(queue, Buffer.from(JSON.stringify(entry)), { persistent: true })
      // The next answer on this channel comes after the broker has routed it.
      await channel.checkQueue(queue)
    })
  }

  async groups(): Promise<readonly RegisteredGroup[]> {
    return (await this.#list()).filter(entry => 'group' in entry)
  }

  async topics(): Promise<readonly RegisteredTopic[]> {
    return (await this.#list()).filter(entry => 'exchange' in entry)
  }

  /** One reader at a time, because none sees what another holds. @throws BusError */
  async #list(): Promise<readonly Registered[]> {
    const queue = this.#names.registry
    if (!(await this.#admin.exists(`queue ${queue}`, channel => channel.checkQueue(queue)))) return []
    const { signal } = new AbortController()
    for (const end = this.#clock.now() + TURN_WITHIN; ; await pause(this.#clock, LOOK_AGAIN, signal)) {
      try {
        return await this.#admin.run(`queue ${queue}`, channel => this.#read(channel))
      } catch (error) {
        if (isLocked(error) && this.#clock.now() < end) continue
        // Its end did not come to pass; where it never began, there is nothing of ours to delete.
        if (!isLocked(error))
          await this.#admin.run('its turn', channel => channel.deleteQueue(this.#names.turn)).catch(() => {})
        throw error
      }
    }
  }

  /** The turn is an exclusive queue: the broker gives it to one connection alone, and frees it when that ends. */
  async #read(channel: Channel): Promise<readonly Registered[]> {
    const { registry, turn } = this.#names
    await channel.assertQueue(turn, { exclusive: true, durable: false })
    const found = new Map<string, Registered>()
    let last: Awaited<ReturnType<typeof channel.get>> = false
    for (let next = await channel.get(registry); next !== false; next = await channel.get(registry)) {
      last = next
      const text = next.content.toString()
      found.set(text, JSON.parse(text) as Registered)
    }
    if (last !== false) channel.nack(last, true, true)
    await channel.deleteQueue(turn)
    return [...found.values()]
  }
}

/** Another connection has the exclusive queue. */
const isLocked = (error: unknown): boolean =>
  isBusError(error, 'TOPOLOGY_INCOMPATIBLE') && (error.cause as { code?: unknown } | undefined)?.code === 405
