import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Channel } from 'amqplib'

/** What the driver's confirm channel is to us. */
interface DriverChannel {
  readonly connection: { readonly stream: { readonly remotePort?: number; destroy(error: Error): void } }
  ack(message: { readonly fields: { readonly deliveryTag: number } }): void
  consumers?: Map<string, unknown>
}

type Publish = (
  this: DriverChannel,
  exchange: string,
  routingKey: string,
  content: Buffer,
  options: unknown,
  callback?: (error: Error | null) => void,
) => boolean

const require = createRequire(import.meta.url)
const model = require(join(dirname(require.resolve('amqplib')), 'lib', 'channel_model.js')) as {
  ConfirmChannel: { prototype: { publish: Publish } }
  Channel: {
    prototype: {
      open(this: DriverChannel): Promise<unknown>
      assertQueue(this: DriverChannel, name: string, options?: unknown): Promise<unknown>
      assertExchange(this: DriverChannel, name: string, ...rest: unknown[]): Promise<unknown>
    }
  }
}

/** Faults between the adapter and the broker that a cable cannot have: made in the driver, by the client's port. */
export class DriverFaults {
  readonly #portOf: (client: string) => number
  readonly #publish = model.ConfirmChannel.prototype.publish
  readonly #open = model.Channel.prototype.open
  readonly #assertQueue = model.Channel.prototype.assertQueue
  readonly #assertExchange = model.Channel.prototype.assertExchange
  readonly #channels = new Set<DriverChannel>()
  /** What was declared here: AMQP has no way to list it. */
  readonly #queues = new Set<string>()
  readonly #exchanges = new Set<string>()
  readonly #lose = new Map<number, number>()
  readonly #refuse = new Map<number, number>()
  #dead = 0

  constructor(portOf: (client: string) => number) {
    this.#portOf = portOf
    const faults = this
    model.ConfirmChannel.prototype.publish = function (exchange, routingKey, content, options, callback) {
      return faults.#onPublish(this, exchange, routingKey, content, options, callback)
    }
    model.Channel.prototype.assertQueue = function (name, options) {
      faults.#queues.add(name)
      return faults.#assertQueue.call(this, name, options)
    }
    model.Channel.prototype.assertExchange = function (name, ...rest) {
      faults.#exchanges.add(name)
      return faults.#assertExchange.call(this, name, ...rest)
    }
    model.Channel.prototype.open = function () {
      faults.#channels.add(this)
      return faults.#open.call(this)
    }
  }

  uninstall(): void {
    model.Channel.prototype.assertQueue = this.#assertQueue
    model.Channel.prototype.assertExchange = this.#assertExchange
    model.ConfirmChannel.prototype.publish = this.#publish
    model.Channel.prototype.open = this.#open
  }

  /** Deletes what was declared under these names, with all it holds. */
  async removeDeclared(channel: Channel, which: (name: string) => boolean): Promise<void> {
    for (const name of [...this.#queues].filter(which)) {
      await channel.deleteQueue(name)
      this.#queues.delete(name)
    }
    for (const name of [...this.#exchanges].filter(which)) {
      await channel.deleteExchange(name)
      this.#exchanges.delete(name)
    }
  }

  async loseConfirms(client: string, count: number): Promise<void> {
    this.#lose.set(this.#portOf(client), count)
  }

  async refusePublishes(client: string, count: number): Promise<void> {
    this.#refuse.set(this.#portOf(client), count)
  }

  refuseDeadLetters(count: number): void {
    this.#dead = count
  }

  /** An ack of what never was: the broker answers by closing the channel, and leaves the connection. */
  async killChannels(client: string): Promise<void> {
    const port = this.#portOf(client)
    for (const channel of this.#channels) {
      if (channel.connection.stream.remotePort !== port || (channel.consumers?.size ?? 0) === 0) continue
      try {
        channel.ack({ fields: { deliveryTag: 2 ** 40 } })
      } catch {
        this.#channels.delete(channel)
      }
    }
  }

  #onPublish(
    channel: DriverChannel,
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: unknown,
    callback: ((error: Error | null) => void) | undefined,
  ): boolean {
    const port = channel.connection.stream.remotePort ?? 0
    const nack = () => {
      setImmediate(() => callback?.(new Error('message nacked')))
      return true
    }
    if (this.#dead > 0 && exchange === '' && routingKey.endsWith('__dead')) {
      this.#dead--
      return nack()
    }
    if (take(this.#refuse, port)) return nack()
    const lost = take(this.#lose, port)
    return this.#publish.call(channel, exchange, routingKey, content, options, error => {
      if (lost) channel.connection.stream.destroy(new Error('lost'))
      else callback?.(error)
    })
  }
}

function take(counts: Map<number, number>, port: number): boolean {
  const left = counts.get(port) ?? 0
  if (left > 0) counts.set(port, left - 1)
  return left > 0
}
