/** Where the demo writes to. */
export interface Screen {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** One line that is rewritten in place on a terminal, or a new line every so often where there is none. */
export class Progress {
  readonly #out: Screen
  readonly #line: () => string
  readonly #timer: NodeJS.Timeout
  #shown = ''

  constructor(out: Screen, line: () => string) {
    this.#out = out
    this.#line = line
    this.#timer = setInterval(() => this.#update(), out.isTTY === true ? 100 : 1_000)
  }

  /** A line of its own, above the progress. */
  say(text: string): void {
    this.#clear()
    this.#out.write(`${text}\n`)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#clear()
  }

  #update(): void {
    const line = this.#line()
    if (this.#out.isTTY !== true) {
      if (line !== this.#shown) this.#out.write(`${line}\n`)
      this.#shown = line
      return
    }
    this.#out.write(`\r\x1b[2K${line}`)
    this.#shown = line
  }

  #clear(): void {
    if (this.#out.isTTY !== true || this.#shown === '') return
    this.#out.write('\r\x1b[2K')
    this.#shown = ''
  }
}
