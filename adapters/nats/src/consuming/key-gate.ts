interface Place {
  readonly sequence: number
  /** With core; else on its way back from the server. */
  held: boolean
  /** Milliseconds since the epoch: what has not come back by then is somebody else's. */
  until: number
}

/**
 * Keeps the events of one key from overtaking one that waits for its retry: those behind it are sent back until it has
 * come again. Knows only what this process has seen.
 */
export class KeyGate {
  readonly #lanes = new Map<string, Place[]>()
  readonly #patience: number

  /** @param patience milliseconds beyond its time that a delivery is waited for. */
  constructor(patience: number) {
    this.#patience = patience
  }

  /** Undefined: it may be handed over. Else the time to send it back until. */
  arrive(key: string, sequence: number, now: number): number | undefined {
    const lane = this.#lane(key, now)
    let wait: number | undefined
    for (const place of lane) {
      if (place.sequence < sequence && !place.held) wait = Math.max(wait ?? 0, place.until)
    }
    const until = wait === undefined ? 0 : Math.max(wait, now) + 20
    const own = lane.find(place => place.sequence === sequence)
    if (own !== undefined) {
      own.held = wait === undefined
      own.until = until
    } else {
      lane.push({ sequence, held: wait === undefined, until })
      lane.sort((a, b) => a.sequence - b.sequence)
    }
    return wait === undefined ? undefined : until
  }

  /** Known to be on its way back, from before this process had its turn. */
  expect(key: string, sequence: number, until: number): void {
    const lane = this.#lanes.get(key) ?? []
    this.#lanes.set(key, lane)
    if (lane.some(place => place.sequence === sequence)) return
    lane.push({ sequence, held: false, until })
    lane.sort((a, b) => a.sequence - b.sequence)
  }

  clear(): void {
    this.#lanes.clear()
  }

  /** It goes back to the server and comes again, not before `until`. */
  away(key: string, sequence: number, until: number): void {
    const place = this.#lanes.get(key)?.find(each => each.sequence === sequence)
    if (place === undefined) return
    place.held = false
    place.until = until
  }

  /** It is settled for good. */
  done(key: string, sequence: number): void {
    const lane = this.#lanes.get(key)
    if (lane === undefined) return
    const at = lane.findIndex(place => place.sequence === sequence)
    if (at !== -1) lane.splice(at, 1)
    if (lane.length === 0) this.#lanes.delete(key)
  }

  #lane(key: string, now: number): Place[] {
    const known = this.#lanes.get(key)
    const lane = (known ?? []).filter(place => place.held || place.until + this.#patience > now)
    this.#lanes.set(key, lane)
    return lane
  }
}
