import type { Admin } from '../connection/admin.ts'
import type { Names } from './names.ts'

export interface Registered {
  readonly topic: string
  readonly group: string
}

/**
 * The groups that were ever made under one prefix, as messages in a queue: over AMQP nothing can be listed, and the management
 * plugin may be off. A group is entered before its queue is made, so what has a queue is in here; what has none any more is harmless.
 */
export class Registry {
  readonly #admin: Admin
  readonly #names: Names

  constructor(admin: Admin, names: Names) {
    this.#admin = admin
    this.#names = names
  }

  async add(topic: string, group: string): Promise<void> {
    const queue = this.#names.registry
    await this.#admin.run(`queue ${queue}`, async channel => {
      await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'classic' } })
      channel.sendToQueue(queue, Buffer.from(JSON.stringify({ topic, group })), { persistent: true })
      // The next answer on this channel comes after the broker has routed it.
      await channel.checkQueue(queue)
    })
  }

  async list(): Promise<readonly Registered[]> {
    const queue = this.#names.registry
    const found = new Map<string, Registered>()
    const there = await this.#admin.exists(`queue ${queue}`, async channel => {
      await channel.checkQueue(queue)
      let last: Awaited<ReturnType<typeof channel.get>> = false
      for (let next = await channel.get(queue); next !== false; next = await channel.get(queue)) {
        last = next
        const text = next.content.toString()
        found.set(text, JSON.parse(text) as Registered)
      }
      if (last !== false) channel.nack(last, true, true)
    })
    return there ? [...found.values()] : []
  }
}
