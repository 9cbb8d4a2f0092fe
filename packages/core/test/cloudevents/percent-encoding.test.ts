import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { percentDecode, percentDecodeLenient, percentEncode } from '../../src/cloudevents/index.ts'

describe('percent-encoding', () => {
  it.each([
    ['Euro € 😀', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
    ['"100%"', '%22100%25%22'],
    ['a/b?c=d&e#f~!', 'a/b?c=d&e#f~!'],
    ['\u007f\n', '%7F%0A'],
    ['', ''],
  ])('writes %o as %s', (value, encoded) => {
    expect(percentEncode(value)).toBe(encoded)
    expect(percentDecode(encoded)).toBe(value)
  })

  it.each([
    ['%41%2f%2F', 'A//'],
    ['%e2%82%ac', '€'],
    ['%2525', '%25'],
    ['"quoted \\"text\\" %20"', 'quoted "text"  '],
    ['a"b c"d', 'ab cd'],
    ['a\\b', 'a\\b'],
    ['größe', 'größe'],
  ])('reads %s as %o', (encoded, value) => {
    expect(percentDecode(encoded)).toBe(value)
  })

  it.each(['100%', '%zz', '%F', '%FF', '%C3%28', '%ED%A0%80', '"open', '"open\\"'])(
    'refuses %s unless lenient',
    encoded => {
      expect(percentDecode(encoded)).toBeUndefined()
      expect(percentDecodeLenient(encoded)).toBe(encoded)
    },
  )

  it('is undone by decoding, and leaves only what a header may carry', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), value => {
        const encoded = percentEncode(value)
        expect(encoded).toMatch(/^[!#-~]*$/)
        expect(percentDecode(encoded)).toBe(value)
      }),
    )
  })

  it('writes a lone surrogate as U+FFFD rather than failing', () => {
    expect(percentEncode(String.fromCharCode(0xd800))).toBe('%EF%BF%BD')
  })
})
