import type { Delivery } from '../adapter/subscription.ts'
import { Deque } from '../collections/deque.ts'
import type { Clock, Timer } from '../time/clock.ts'
import { Held } from './held.ts'
import { KeyLanes } from './key-lanes.ts'

const UNORDERED: ReturnType<KeyLanes['add']> = { first: true }

/** The deliveries in core's hands: all of them, those that may start, and those that wait for time or for their key. */
export class Holding {
  readonly all = new Map<Delivery, Held>()
  readonly #clock: Clock
  readonly #onReady: () => void
  readonly #ready = new Deque<Held>()
  readonly #lanes: KeyLanes | undefined
  readonly #delays = new Map<Held, Timer>()

  /** @param onReady called when a wait is over. */
  constructor(clock: Clock, ordered: boolean, onReady: () => void) {
    this.#clock = clock
    this.#onReady = onReady
    this.#lanes = ordered ? new KeyLanes() : undefined
  }

  /** How many may start. */
  get readyCount(): number {
    return this.#ready.length
  }

  take(delivery: Delivery, now: number): void {
    const held = new Held(delivery, now)
    this.all.set(delivery, held)
    const { first, displaced } = this.#lanes?.add(held) ?? UNORDERED
    if (displaced?.state === 'waiting') this.#ready.remove(displaced)
    if (delivery.notBefore !== undefined && delivery.notBefore > now)
      this.delay(held, delivery.notBefore - now)
    else if (first) this.#ready.push(held)
  }

  peek(): Held | undefined {
    return this.#ready.peek()
  }

  shift(): Held | undefined {
    return this.#ready.shift()
  }

  /** Keeps one that is not ready from starting for `ms`. It keeps its place among those of its key. */
  delay(held: Held, ms: number): void {
    const timer = this.#clock.setTimer(
      ms,
      () => {
        this.#delays.delete(held)
        if (this.#lanes?.isFirst(held) ?? true) this.#ready.push(held)
        this.#onReady()
      },
      { keepAlive: true },
    )
    this.#delays.set(held, timer)
  }

  /** Takes a waiting one out of every queue; its key goes on waiting for it. */
  withdraw(held: Held): void {
    if (held.state !== 'waiting') return
    this.#delays.get(held)?.cancel()
    this.#delays.delete(held)
    this.#ready.remove(held)
    held.onWithdrawn?.()
  }

  /** Those of its key behind it, in order. None where order does not count. */
  followers(held: Held): readonly Held[] {
    return this.#lanes?.followers(held) ?? []
  }

  waiting(): readonly Held[] {
    return [...this.all.values()].filter(held => held.state === 'waiting')
  }

  /** Whether anything has still to be run or settled. */
  get busy(): boolean {
    for (const held of this.all.values()) if (held.state !== 'left') return true
    return false
  }

  /** It is out of our hands: the next of its key may start. */
  forget(held: Held): void {
    this.all.delete(held.delivery)
    if (held.state !== 'running') held.state = 'gone'
    const next = this.#lanes?.remove(held)
    if (next?.state === 'waiting' && !this.#delays.has(next)) this.#ready.push(next)
    held.onGone?.()
  }

  cancelDelays(): void {
    for (const timer of this.#delays.values()) timer.cancel()
    this.#delays.clear()
  }

  clear(): void {
    for (const held of this.all.values()) {
      held.state = 'gone'
      held.onGone?.()
    }
    this.all.clear()
    this.#lanes?.clear()
  }
}
