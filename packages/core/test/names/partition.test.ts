import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur2, partitionOf } from '../../src/names/index.ts'

describe('murmur2', () => {
  // The vectors of Kafka's own UtilsTest.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Kafka does', (key, hash) => {
    expect(murmur2(key)).toBe(hash)
  })

  it('hashes the UTF-8 bytes of any key', () => {
    // Written again from the algorithm's description, over bytes and with exact integers.
    const reference = (bytes: Uint8Array): number => {
      const u32 = (n: bigint) => n & 0xffffffffn
      const m = 0x5bd1e995n
      const length = bytes.length
      let h = u32(0x9747b28cn ^ BigInt(length))
      const whole = length - (length % 4)
      for (let i = 0; i < whole; i += 4) {
        let k = BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(i, true))
        k = u32(k * m)
        k ^= k >> 24n
        h = u32(h * m) ^ u32(k * m)
      }
      if (length % 4 !== 0) {
        for (let i = length - 1; i >= whole; i--) h ^= BigInt(bytes[i] ?? 0) << BigInt(8 * (i - whole))
        h = u32(h * m)
      }
      h ^= h >> 13n
      h = u32(h * m)
      h ^= h >> 15n
      return Number(BigInt.asIntN(32, h))
    }
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })), key => {
        expect(murmur2(key)).toBe(reference(new TextEncoder().encode(key)))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('partitionOf', () => {
  it('clears the sign bit and takes the remainder, as Kafka does', () => {
    expect(partitionOf('foobar', 16)).toBe((-790332482 & 0x7fffffff) % 16)
    expect(partitionOf('abc', 7)).toBe(479470107 % 7)
    expect(partitionOf('anything', 1)).toBe(0)
  })

  it('spreads keys over all partitions', () => {
    const counts = new Array(16).fill(0)
    for (let i = 0; i < 16_000; i++) counts[partitionOf(`order-${i}`, 16)]++
    expect(Math.min(...counts)).toBeGreaterThan(850)
    expect(Math.max(...counts)).toBeLessThan(1150)
  })
})
