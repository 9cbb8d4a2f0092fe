import type { Held } from './held.ts'

/**
 * Keeps events of one key apart in time and in publish order: the next one of a key becomes ready when its predecessor is
 * settled. Keys do not wait for each other. Used on ordered topics only.
 *
 * Arrival is not publish order: what a retry or a failed settlement sends back comes again after some of those behind it,
 * so a delivery takes its place by its sequence.
 */
export class KeyLanes {
  readonly #lanes = new Map<string, Held[]>()

  /**
   * Adds a delivery to its key's lane.
   * @returns whether it is first there, and so may start, and who was first until now, and may not any more.
   */
  add(held: Held): { readonly first: boolean; readonly displaced?: Held } {
    const key = laneKey(held)
    const lane = this.#lanes.get(key)
    if (lane === undefined) {
      this.#lanes.set(key, [held])
      return { first: true }
    }
    const place = placeIn(lane, held)
    const before = lane[0]
    lane.splice(place, 0, held)
    if (place > 0) return { first: false }
    return before === undefined ? { first: true } : { first: true, displaced: before }
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

/** Behind all that were published before it, and behind one that runs, which nothing can call back. */
function placeIn(lane: readonly Held[], held: Held): number {
  const { sequence } = held.delivery
  if (sequence === undefined) return lane.length
  let place = lane.length
  while (place > 0) {
    const before = lane[place - 1] as Held
    if (
      before.state === 'running' ||
      before.delivery.sequence === undefined ||
      before.delivery.sequence <= sequence
    )
      break
    place--
  }
  return place
}

/** Ordered events without a key (from other clients) are kept in order among themselves. */
const laneKey = (held: Held) => `${held.delivery.topic} ${held.delivery.key ?? ''}`
