import type { Link } from '../connection/link.ts'
import { callError } from '../connection/link.ts'
import { isReplyError } from '../errors.ts'
import type { Names } from '../names.ts'
import { TRIM } from '../scripts/trim.ts'
import type { Limits } from './topology.ts'

/** Publishes of one topic between two looks at what it may let go. */
const EVERY = 1_000
/** The server does nothing else meanwhile. */
const AT_ONCE = 5_000

/** Keeps streams as long as retention and the slowest group need them, and no longer. */
export class Trimming {
  readonly #link: Link
  readonly #names: Names
  readonly #fallback: Limits
  readonly #onError: (error: unknown, where: string) => void
  readonly #limits = new Map<string, Limits>()
  readonly #untrimmed = new Map<string, number>()
  readonly #running = new Set<string>()

  constructor(link: Link, names: Names, fallback: Limits, onError: (error: unknown, where: string) => void) {
    this.#link = link
    this.#names = names
    this.#fallback = fallback
    this.#onError = onError
  }

  /** What a topic keeps, once it is declared. */
  limit(topic: string, limits: Limits): void {
    this.#limits.set(topic, limits)
  }

  stored(topic: string, count: number): void {
    const untrimmed = (this.#untrimmed.get(topic) ?? 0) + count
    if (untrimmed >= EVERY) this.trim(topic)
    else this.#untrimmed.set(topic, untrimmed)
  }

  /** Goes on until nothing is left to let go: a backlog that was handled would stay for minutes otherwise. */
  trim(topic: string): void {
    this.#untrimmed.set(topic, 0)
    if (this.#running.has(topic)) return
    this.#running.add(topic)
    void this.#once(topic).then(more => {
      this.#running.delete(topic)
      if (more) this.trim(topic)
    })
  }

  async #once(topic: string): Promise<boolean> {
    const { count, age, bytes } = this.#limits.get(topic) ?? this.#fallback
    const { stream } = this.#names.topic(topic)
    try {
      const removed = Number(await this.#link.run(TRIM, [stream], [count, age, bytes, AT_ONCE]))
      // Whole nodes only, so that less than the limit may be all that fitted under it.
      return removed >= AT_ONCE / 2
    } catch (error) {
      if (isReplyError(error)) this.#onError(callError(error), 'trim')
      return false
    }
  }
}
