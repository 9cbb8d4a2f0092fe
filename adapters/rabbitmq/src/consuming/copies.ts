import type { AdapterContext } from '@busbar/core/adapter'
import type { Post, Posted } from '../publishing/publisher.ts'
import { entranceFor, queueTarget } from '../topology/delay-levels.ts'
import { DELAY } from '../topology/names.ts'
import { encode, encodeRaw, type Mode, type Transport } from '../wire/encode.ts'
import type { RabbitDelivery } from './delivery.ts'

export interface CopyOptions {
  readonly context: AdapterContext
  readonly post: (posts: readonly Post[]) => Promise<readonly Posted[]>
}

/** Writes a message of ours once more: into its queue, there after a delay, or into the dead-letter queue. */
export class Copies {
  readonly #options: CopyOptions
  readonly #mode: Mode

  constructor(options: CopyOptions) {
    this.#options = options
    this.#mode = options.context.mode ?? 'binary'
  }

  /** @param notBefore when it is due; now, without one. */
  async into(
    queue: string,
    delivery: RabbitDelivery,
    meta: Readonly<Record<string, string>> | undefined,
    transport: Transport = {},
  ): Promise<Posted> {
    const { notBefore } = transport
    const all: Transport = { key: delivery.key, requestId: delivery.requestId, ...transport }
    const own = meta ?? delivery.envelope?.meta ?? {}
    const message =
      delivery.envelope === null
        ? encodeRaw(delivery.raw ?? { body: null, headers: [] }, own, all)
        : encode({ ...delivery.envelope, meta: own }, this.#mode, all)
    const wait = notBefore === undefined ? 0 : notBefore - this.#options.context.clock.now()
    const entrance = entranceFor(wait, queueTarget(queue))
    const [posted] = await this.#options.post([
      {
        exchange: entrance === undefined ? '' : DELAY.level(entrance.level),
        routingKey: entrance === undefined ? queue : entrance.routingKey,
        message,
        persistent: true,
        properties: delivery.properties,
      },
    ])
    return posted as Posted
  }
}
