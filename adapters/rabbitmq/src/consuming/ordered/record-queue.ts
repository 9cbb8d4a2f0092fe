import type { Clock } from '@busbar/core/time'
import type { Channel } from 'amqplib'
import { within } from '../../connection/within.ts'
import { operationError } from '../../errors.ts'
import type { Post, Posted } from '../../publishing/publisher.ts'
import { decodeRecord, encodeRecord, type HeldRecord } from './record.ts'

export interface RecordQueueOptions {
  readonly name: string
  readonly clock: Clock
  readonly timeout: number
  readonly openChannel: () => Promise<Channel>
  readonly post: (posts: readonly Post[]) => Promise<readonly Posted[]>
}

/** The queue beside a partition's that keeps {@link HeldRecord}s: read as a whole and given back, and weeded now and then. */
export class RecordQueue {
  readonly #o: RecordQueueOptions

  constructor(options: RecordQueueOptions) {
    this.#o = options
  }

  get name(): string {
    return this.#o.name
  }

  async write(records: readonly HeldRecord[]): Promise<readonly Posted[]> {
    return this.#o.post(
      records.map(record => ({
        exchange: '',
        routingKey: this.#o.name,
        message: encodeRecord(record),
        persistent: true,
      })),
    )
  }

  /** All that lie there, oldest first. @throws BusError */
  read(): Promise<readonly HeldRecord[]> {
    return this.#visit(async get => {
      const records: HeldRecord[] = []
      for (let next = await get(); next !== undefined; next = await get()) {
        if (next.record !== undefined) records.push(next.record)
      }
      return records
    })
  }

  /**
   * Removes those ids, and what is no record. What is wanted must not lie in front of them: whoever looks meanwhile would not see
   * it.
   * @throws BusError
   */
  remove(ids: ReadonlySet<string>): Promise<readonly string[]> {
    return this.#visit(async get => {
      const removed: string[] = []
      while (removed.length < ids.size) {
        const next = await get()
        if (next === undefined) break
        const { record } = next
        if (record !== undefined && !ids.has(record.id)) continue
        next.remove()
        if (record !== undefined) removed.push(record.id)
      }
      return removed
    })
  }

  /** Each message once, on a channel of its own: what was not removed goes back when that closes. */
  async #visit<T>(work: (get: () => Promise<Visited | undefined>) => Promise<T>): Promise<T> {
    const { clock, timeout, openChannel, name } = this.#o
    const what = `queue ${name}`
    const channel = await within(clock, timeout, openChannel(), 'a channel')
    let failure: unknown
    channel.on('error', error => {
      failure = error
    })
    try {
      const result = await work(async () => {
        const message = await within(clock, timeout, channel.get(name), what)
        if (message === false) return undefined
        const record = decodeRecord(message.content)
        return { record, remove: () => channel.ack(message) }
      })
      await within(clock, timeout, channel.close(), what)
      return result
    } catch (error) {
      try {
        channel.close().catch(() => {})
      } catch {
        // It is closed already.
      }
      throw operationError(failure ?? error, what)
    }
  }
}

interface Visited {
  readonly record: HeldRecord | undefined
  remove(): void
}
