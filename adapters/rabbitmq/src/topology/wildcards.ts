import { isBusError } from '@busbar/core/adapter'
import type { Channel } from 'amqplib'
import type { Admin } from '../connection/admin.ts'
import type { Names } from './names.ts'
import type { RegisteredTopic, Registry } from './registry.ts'

export interface WildcardsOptions {
  readonly admin: Admin
  readonly names: Names
  readonly registry: Registry
  /** False: topics of this process do not reach subscriptions to patterns. */
  readonly used: boolean
}

/**
 * The exchange that subscriptions to patterns are bound to, and that topics are bound to: each publish passes it then, so it is made
 * by the first such subscription only. A topic is entered in the registry, and looks for the exchange after; a subscription makes the
 * exchange, and reads the registry after. Whichever is later sees the other, and binds the two.
 */
export class Wildcards {
  readonly #o: WildcardsOptions
  /** Made by this process, by topic. */
  readonly #topics = new Map<string, RegisteredTopic>()
  /** Topics that have not looked for the exchange since they were declared. */
  readonly #due = new Set<string>()

  constructor(options: WildcardsOptions) {
    this.#o = options
  }

  /** Before a topic is made. */
  async register(entry: RegisteredTopic): Promise<void> {
    this.#topics.set(entry.topic, entry)
    if (!(await this.#known(entry))) await this.#o.registry.add(entry)
  }

  declared(topic: string): void {
    this.#due.add(topic)
  }

  /** Binds the topics that were declared, if anybody subscribed to a pattern. */
  async join(): Promise<void> {
    const due = [...this.#due]
    if (due.length === 0) return
    const { admin, names, used } = this.#o
    const exchange = names.wildcardExchange
    if (used && (await admin.exists(`exchange ${exchange}`, channel => channel.checkExchange(exchange))))
      for (const topic of due) await this.#join(this.#topics.get(topic) as RegisteredTopic)
    for (const topic of due) this.#due.delete(topic)
  }

  async bind(channel: Channel, queue: string, pattern: string): Promise<void> {
    const { names } = this.#o
    await channel.assertExchange(names.wildcardExchange, 'topic', { durable: true })
    await channel.bindQueue(queue, names.wildcardExchange, names.topicPattern(pattern))
  }

  /** After {@link bind}: all topics that looked for the exchange before it was there. */
  async gather(): Promise<void> {
    for (const entry of await this.#o.registry.topics()) {
      try {
        await this.#join(entry)
      } catch (error) {
        // It is about to be made, and will look for the exchange then; or it is no more.
        if (!isBusError(error, 'TOPOLOGY_MISSING')) throw error
      }
    }
  }

  #join({ topic, exchange, foreign }: RegisteredTopic): Promise<void> {
    const { admin, names } = this.#o
    return admin.run(`topic "${topic}" (exchange ${exchange})`, async channel => {
      await channel.bindExchange(names.wildcardExchange, exchange, '#')
      // A direct exchange of somebody else's takes patterns by the letter.
      if (foreign) await channel.bindExchange(names.wildcardExchange, exchange, names.routingKey(topic))
    })
  }

  async #known({ topic, exchange, foreign }: RegisteredTopic): Promise<boolean> {
    const { admin, names, registry } = this.#o
    if (foreign)
      return (await registry.topics()).some(each => each.topic === topic && each.exchange === exchange)
    // What is made after the registry has it.
    const mark = names.partitionsMark(topic)
    return admin.exists(`exchange ${mark}`, channel => channel.checkExchange(mark))
  }
}
