import type { Held } from './held.ts'

/**
 * Keeps events of one key apart in time: the next one of a key becomes ready when its predecessor is settled. Keys do
 * not wait for each other. Used on ordered topics only.
 */
export class KeyLanes {
  readonly #lanes = new Map<string, Held[]>()

  /** Adds a delivery to its key's lane; whether it is first there, and so may start. */
  add(held: Held): boolean {
    const key = laneKey(held)
    const lane = this.#lanes.get(key)
    if (lane === undefined) {
      this.#lanes.set(key, [held])
      return true
    }
    lane.push(held)
    return lane[0] === held
  }

  /** Removes a delivery; the one of its key that may start now, if that has changed. */
  remove(held: Held): Held | undefined {
    const key = laneKey(held)
    const lane = this.#lanes.get(key)
    const index = lane?.indexOf(held) ?? -1
    if (lane === undefined || index === -1) return undefined
    lane.splice(index, 1)
    if (lane.length === 0) this.#lanes.delete(key)
    return index === 0 ? lane[0] : undefined
  }

  /** Whether it may start as far as its key is concerned. */
  isFirst(held: Held): boolean {
    return this.#lanes.get(laneKey(held))?.[0] === held
  }

  /** Those of its key behind a delivery, in order. */
  followers(held: Held): readonly Held[] {
    const lane = this.#lanes.get(laneKey(held)) ?? []
    return lane.slice(lane.indexOf(held) + 1)
  }

  clear(): void {
    this.#lanes.clear()
  }
}

/** Ordered events without a key (from other clients) are kept in order among themselves. */
const laneKey = (held: Held) => `${held.delivery.topic} ${held.delivery.key ?? ''}`
