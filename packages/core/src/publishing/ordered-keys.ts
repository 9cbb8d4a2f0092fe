import type { PublishEntry } from './publish-entry.ts'

interface Lane {
  /** On the wire, or waiting for another try. */
  active: number
  /** The batch the last active ones went out with. */
  batch: readonly PublishEntry[] | undefined
  /** In the queue, to be sent. */
  queued: number
  /** Out of the queue until the active ones have settled; by age. */
  readonly parked: PublishEntry[]
}

/**
 * Keeps publishes of one key from overtaking each other: while one is on the wire or waits for another try, later ones of its
 * key are parked. Those queued together may share a batch, which the adapter keeps in order.
 */
export class OrderedKeys {
  readonly #lanes = new Map<string, Lane>()

  /** Whether a new entry may be queued; otherwise it is parked until {@link leave} gives it back. */
  enter(entry: PublishEntry): boolean {
    let lane = this.#lanes.get(laneName(entry))
    if (lane === undefined) {
      lane = { active: 0, batch: undefined, queued: 0, parked: [] }
      this.#lanes.set(laneName(entry), lane)
    }
    if (lane.active > 0 || lane.parked.length > 0) {
      lane.parked.push(entry)
      return false
    }
    lane.queued++
    return true
  }

  /** Whether the entry may go out with `batch`; otherwise it is parked. */
  join(entry: PublishEntry, batch: readonly PublishEntry[]): boolean {
    const lane = this.#laneOf(entry)
    lane.queued--
    if (lane.active > 0 && lane.batch !== batch) {
      lane.parked.push(entry)
      lane.parked.sort((a, b) => a.order - b.order)
      return false
    }
    lane.active++
    lane.batch = batch
    entry.keyed = true
    return true
  }

  /** The entry goes back to the front of the queue for another try; those parked stay behind it. */
  requeue(entry: PublishEntry): void {
    const lane = this.#laneOf(entry)
    lane.active--
    lane.queued++
    entry.keyed = false
  }

  /** The entry has settled; those that may be queued now, in order. */
  leave(entry: PublishEntry): PublishEntry[] {
    const lane = this.#laneOf(entry)
    const parked = lane.parked.indexOf(entry)
    if (entry.keyed) lane.active--
    else if (parked === -1) lane.queued--
    else lane.parked.splice(parked, 1)
    if (lane.active > 0 || lane.queued > 0) return []
    const next = lane.parked.splice(0)
    lane.queued = next.length
    if (lane.queued === 0) this.#lanes.delete(laneName(entry))
    return next
  }

  #laneOf(entry: PublishEntry): Lane {
    const lane = this.#lanes.get(laneName(entry))
    if (lane === undefined) throw new Error(`ordered publish without a lane: ${laneName(entry)}`)
    return lane
  }
}

/** Only ordered entries come here. */
const laneName = (entry: PublishEntry): string => entry.lane ?? ''
