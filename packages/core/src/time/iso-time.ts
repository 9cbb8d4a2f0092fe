/** Writes times as RFC 3339 text. Most share their millisecond with the one before, and writing one is a fifth of building an event. */
export class IsoTime {
  #last = Number.NaN
  #text = ''

  /** @param ms milliseconds since the epoch. */
  text(ms: number): string {
    if (ms !== this.#last) {
      this.#text = new Date(ms).toISOString()
      this.#last = ms
    }
    return this.#text
  }
}
