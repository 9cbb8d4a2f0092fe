import type { ReplyAddress } from '@busbar/core/adapter'
import { MemoryDelivery } from './memory-delivery.ts'
import { QueueEntry } from './queue-entry.ts'
import type { StoredMessage } from './stored-message.ts'

type Deliver = (reply: MemoryDelivery) => void

/** The reply addresses of one prefix. A reply to nobody is dropped: its requester is gone, or its time was up. */
export class Inboxes {
  readonly #namespace: string
  readonly #inboxes = new Map<ReplyAddress, Deliver>()
  #waiting: { address: ReplyAddress; message: StoredMessage }[] = []
  #lastId = 0

  constructor(prefix: string) {
    // Neither a prefix nor the number has a colon, so that no address lies in two namespaces.
    this.#namespace = `reply:${prefix}:`
  }

  accepts(address: ReplyAddress): boolean {
    return address.startsWith(this.#namespace)
  }

  open(clientName: string, deliver: Deliver): ReplyAddress {
    const address = `${this.#namespace}${++this.#lastId}:${clientName}`
    this.#inboxes.set(address, deliver)
    return address
  }

  close(address: ReplyAddress): void {
    this.#inboxes.delete(address)
  }

  /** Delivers in a coming microtask, with all others that come until then. */
  send(address: ReplyAddress, message: StoredMessage): void {
    if (!this.#inboxes.has(address)) return
    this.#waiting.push({ address, message })
    if (this.#waiting.length === 1) queueMicrotask(() => this.#flush())
  }

  forget(): void {
    this.#waiting.length = 0
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { address, message } of waiting) {
      const delivery = new MemoryDelivery(message.topic, new QueueEntry(message, 0, 0, 0), 0)
      delivery.holding = 'over'
      this.#inboxes.get(address)?.(delivery)
    }
  }
}
