import type { StoredRecord } from '../records.ts'

/** A message that is not with core, and holds its key until it has been. */
export interface Waiting {
  readonly sequence: number
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly stored: StoredRecord | undefined
}

/**
 * Keeps the events of one key in order while some of them wait: for a retry, or because core gave them back. Only the
 * first of a key comes out, and only when core has no other of it.
 */
export class KeyQueues {
  /** How many wait. */
  size = 0
  readonly #waiting = new Map<string, Waiting[]>()
  /** With core, or on their way there. */
  readonly #out = new Map<string, Set<number>>()
  /** Taken out, and not with core yet: what comes anew would overtake it. */
  readonly #coming = new Set<string>()

  /** Whether an event that comes anew has to stand behind one that waits. */
  blocks(key: string): boolean {
    return this.#waiting.has(key) || this.#coming.has(key)
  }

  park(waiting: Waiting): void {
    const queue = this.#waiting.get(waiting.key)
    this.size++
    if (queue === undefined) {
      this.#waiting.set(waiting.key, [waiting])
      return
    }
    let place = queue.length
    while (place > 0 && (queue[place - 1] as Waiting).sequence > waiting.sequence) place--
    queue.splice(place, 0, waiting)
  }

  goesOut(key: string, sequence: number): void {
    const out = this.#out.get(key)
    if (out === undefined) this.#out.set(key, new Set([sequence]))
    else out.add(sequence)
  }

  /** What was taken out has its place before core now. */
  came(key: string): void {
    this.#coming.delete(key)
  }

  /** It is settled, or given back: {@link park} it first then. */
  isBack(key: string, sequence: number): void {
    this.#coming.delete(key)
    const out = this.#out.get(key)
    if (out?.delete(sequence) === true && out.size === 0) this.#out.delete(key)
  }

  /** Takes out one that may go to core now; {@link came} or {@link isBack} says what became of it. */
  take(now: number): Waiting | undefined {
    for (const [key, queue] of this.#waiting) {
      const first = queue[0] as Waiting
      if (first.notBefore > now || this.#out.has(key)) continue
      queue.shift()
      if (queue.length === 0) this.#waiting.delete(key)
      this.size--
      this.goesOut(key, first.sequence)
      this.#coming.add(key)
      return first
    }
    return undefined
  }

  /** When the next one is due that waits for nothing but its time; milliseconds since the epoch. */
  nextDue(): number | undefined {
    let due: number | undefined
    for (const [key, [first]] of this.#waiting)
      if (first !== undefined && !this.#out.has(key)) due = Math.min(due ?? first.notBefore, first.notBefore)
    return due
  }
}
