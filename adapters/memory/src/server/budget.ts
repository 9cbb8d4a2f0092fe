import { BusError } from '@busbar/core/adapter'
import { metaWeight } from '../size.ts'
import type { StoredMessage } from './stored-message.ts'

/**
 * What the whole broker may hold. When it is full, messages that are only kept for replay are evicted, oldest first;
 * what a group still needs never is, so a publish is refused instead.
 */
export class Budget {
  readonly #maxBytes: number
  readonly #maxMessages: number
  bytes = 0
  messages = 0
  /** Retained and needed by nobody, as a list from the oldest to the newest. */
  #oldest: StoredMessage | undefined
  #newest: StoredMessage | undefined

  constructor(limits: { readonly maxBytes: number; readonly maxMessages: number }) {
    this.#maxBytes = limits.maxBytes
    this.#maxMessages = limits.maxMessages
  }

  /** Makes room; the error to refuse with if there is none. */
  refusal(bytes: number): BusError | undefined {
    while (this.bytes + bytes > this.#maxBytes || this.messages >= this.#maxMessages) {
      const idle = this.#oldest
      if (idle === undefined) return this.#full()
      idle.log?.evict(idle)
    }
    return undefined
  }

  add(message: StoredMessage): void {
    this.bytes += message.bytes
    this.messages++
  }

  /** The log took it and nobody needed it. */
  idle(message: StoredMessage): void {
    message.older = this.#newest
    if (this.#newest === undefined) this.#oldest = message
    else this.#newest.newer = message
    this.#newest = message
  }

  ref(message: StoredMessage): void {
    if (message.refs++ === 0 && message.log !== undefined) this.#unlink(message)
  }

  unref(message: StoredMessage): void {
    if (--message.refs > 0) return
    if (message.log === undefined) this.#free(message)
    else this.idle(message)
  }

  /** Its log let go of it. */
  unretained(message: StoredMessage): void {
    if (message.refs > 0) return
    this.#unlink(message)
    this.#free(message)
  }

  /**
   * Metadata that a settlement adds to a message: counted, never refused, because refusing a settlement would
   * lose the failure's record.
   */
  addMeta(meta: Readonly<Record<string, string>>): number {
    const bytes = metaWeight(meta)
    this.bytes += bytes
    return bytes
  }

  removeBytes(bytes: number): void {
    this.bytes -= bytes
  }

  #free(message: StoredMessage): void {
    this.bytes -= message.bytes
    this.messages--
  }

  #unlink(message: StoredMessage): void {
    const { older, newer } = message
    if (older !== undefined) older.newer = newer
    else if (this.#oldest === message) this.#oldest = newer
    if (newer !== undefined) newer.older = older
    else if (this.#newest === message) this.#newest = older
    message.older = undefined
    message.newer = undefined
  }

  #full(): BusError {
    return new BusError(
      'BROKER_FULL',
      `the memory broker is full: ${this.messages} of ${this.#maxMessages} messages, ${this.bytes} of ${this.#maxBytes} bytes`,
      {
        retryable: true,
        remedy: 'let the groups catch up, purge dead letters, or raise maxBytes or maxMessages',
      },
    )
  }
}
