import type { DeadItem, Envelope } from '@busbar/core/adapter'
import type { Budget } from './budget.ts'
import type { MemoryDelivery } from './memory-delivery.ts'
import type { StoredMessage } from './stored-message.ts'

/** A dead letter as it is stored. */
export class DeadLetter implements DeadItem {
  readonly id: string
  readonly topic: string
  readonly key?: string
  readonly envelope: Envelope
  readonly meta: Readonly<Record<string, string>>
  readonly message: StoredMessage
  readonly metaBytes: number

  constructor(
    id: string,
    delivery: MemoryDelivery,
    meta: Readonly<Record<string, string>>,
    metaBytes: number,
  ) {
    const { message } = delivery.entry
    this.id = id
    this.topic = message.topic
    this.envelope = { ...message.envelope, meta }
    this.meta = meta
    this.message = message
    this.metaBytes = metaBytes
    if (message.key !== undefined) this.key = message.key
  }
}

/** The dead letters of one group, oldest first. They count against the broker's budget and never expire. */
export class DeadLetters {
  readonly #budget: Budget
  readonly #items = new Map<string, DeadLetter>()
  #lastId = 0

  constructor(budget: Budget) {
    this.#budget = budget
  }

  get size(): number {
    return this.#items.size
  }

  add(delivery: MemoryDelivery, meta: Readonly<Record<string, string>>): void {
    const id = String(++this.#lastId)
    this.#budget.ref(delivery.entry.message)
    this.#items.set(id, new DeadLetter(id, delivery, meta, this.#budget.addMeta(meta)))
  }

  has(id: string): boolean {
    return this.#items.has(id)
  }

  /** What is stored now, as a walk that later additions do not lengthen. */
  snapshot(): DeadLetter[] {
    return [...this.#items.values()]
  }

  /** Whether it was there to remove. */
  remove(id: string): boolean {
    const item = this.#items.get(id)
    if (item === undefined) return false
    this.#items.delete(id)
    this.#budget.removeBytes(item.metaBytes)
    this.#budget.unref(item.message)
    return true
  }

  purge(): number {
    const ids = [...this.#items.keys()]
    for (const id of ids) this.remove(id)
    return ids.length
  }
}
