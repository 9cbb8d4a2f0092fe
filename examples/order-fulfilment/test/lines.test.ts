import { describe, expect, it } from 'vitest'
import { LONGEST_LINE, readLines } from '../src/lines.ts'

async function* chunks(...parts: readonly (string | Uint8Array)[]) {
  yield* parts
}

async function textsOf(...parts: readonly (string | Uint8Array)[]) {
  const texts: string[] = []
  for await (const line of readLines(chunks(...parts))) texts.push(line.tooLong ? 'too long' : line.text)
  return texts
}

describe('readLines', () => {
  it('cuts at line ends of both kinds, wherever chunks end', async () => {
    expect(await textsOf('a\r', '\nb', 'c\n\nd')).toEqual(['a', 'bc', '', 'd'])
    expect(await textsOf()).toEqual([])
  })

  it('keeps a character whose bytes come in two chunks', async () => {
    const bytes = new TextEncoder().encode('谢谢\n')
    expect(await textsOf(bytes.subarray(0, 2), bytes.subarray(2))).toEqual(['谢谢'])
  })

  it('drops what is too long without holding it, and goes on after it', async () => {
    const half = 'x'.repeat(LONGEST_LINE / 2 + 1)
    expect(await textsOf('a\n', half, half, half, '\nb\n')).toEqual(['a', 'too long', 'b'])
    expect(await textsOf(half, half)).toEqual(['too long'])
  })
})
