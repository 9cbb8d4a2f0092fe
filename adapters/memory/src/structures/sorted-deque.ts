/** Where an item stands among its neighbours. */
export interface Ordered {
  order: number
}

/** Below this many free slots in front, moving the rest forward costs more than it frees. */
const COMPACT_AT = 1024

/**
 * A queue sorted by `order`. Arrivals have the highest order and go to the end; what is given back goes to its
 * old place, which is nearly always within the slots that `shift` has just freed.
 */
export class SortedDeque<T extends Ordered> {
  #items: (T | undefined)[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head > COMPACT_AT && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Puts an item in its place; constant time at the end. */
  insert(item: T): void {
    const items = this.#items
    const last = items[items.length - 1]
    if (last === undefined || last.order < item.order) {
      items.push(item)
      return
    }
    let low = this.#head
    let high = items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((items[middle] as T).order < item.order) low = middle + 1
      else high = middle
    }
    if (this.#head === 0) {
      items.splice(low, 0, item)
      return
    }
    items.copyWithin(this.#head - 1, this.#head, low)
    this.#head--
    items[low - 1] = item
  }

  /** Takes everything out, in order. */
  clear(): T[] {
    const all = this.#items.slice(this.#head) as T[]
    this.#items = []
    this.#head = 0
    return all
  }
}
