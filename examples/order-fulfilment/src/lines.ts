/** A line of input, or the fact that it was too long to be kept. Numbers start at 1. */
export interface Line {
  readonly number: number
  readonly text: string
  readonly tooLong: boolean
}

/** No broker takes an event this large, so there is no use in holding more of a line. */
export const LONGEST_LINE = 4 * 1024 * 1024

/**
 * Cuts a stream of UTF-8 into lines; memory stays bounded however long a line is. The stream is read no faster than the
 * lines are taken.
 */
export async function* readLines(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  let number = 1
  let rest = ''
  let tooLong = false
  for await (const chunk of input) {
    const parts = (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })).split('\n')
    const last = parts.pop() ?? ''
    for (const part of parts) {
      yield lineOf(number++, tooLong ? '' : rest + part, tooLong)
      rest = ''
      tooLong = false
    }
    rest = tooLong ? '' : rest + last
    if (rest.length <= LONGEST_LINE) continue
    rest = ''
    tooLong = true
  }
  rest += decoder.decode()
  if (rest !== '' || tooLong) yield lineOf(number, rest, tooLong)
}

const lineOf = (number: number, text: string, tooLong: boolean): Line => ({
  number,
  text: text.endsWith('\r') ? text.slice(0, -1) : text,
  tooLong,
})
