/** A plain first-in, first-out queue without the cost of `Array.shift`. */
export class Fifo<T> {
  #in: T[] = []
  #out: T[] = []

  get size(): number {
    return this.#in.length + this.#out.length
  }

  push(item: T): void {
    this.#in.push(item)
  }

  shift(): T | undefined {
    if (this.#out.length === 0) {
      if (this.#in.length === 0) return undefined
      this.#out = this.#in.reverse()
      this.#in = []
    }
    return this.#out.pop()
  }
}
