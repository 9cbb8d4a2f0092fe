const SEED = 0x9747b28c
const M = 0x5bd1e995

const encoder = new TextEncoder()

/**
 * The partition of a key, as Kafka's own clients compute it, so that producers outside Busbar put a key on the same
 * one: murmur2 over the UTF-8 bytes, made positive, modulo the number of partitions.
 */
export function partitionOf(key: string, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(key) & 0x7fffffff) % partitions
}

/** Kafka's murmur2 of the UTF-8 bytes of `key`, as a signed 32-bit number. Allocates nothing for ASCII keys. */
export function murmur2(key: string): number {
  const length = key.length
  const whole = length - (length % 4)
  let h = SEED ^ length
  let i = 0
  // Any unit above 127 shows in the union of the bits, and only then the bytes have to be made.
  let seen = 0
  for (; i < whole; i += 4) {
    const a = key.charCodeAt(i)
    const b = key.charCodeAt(i + 1)
    const c = key.charCodeAt(i + 2)
    const d = key.charCodeAt(i + 3)
    seen |= a | b | c | d
    h = mix(h, a | (b << 8) | (c << 16) | (d << 24))
  }
  let tail = 0
  for (let shift = 0; i < length; i++, shift += 8) {
    const unit = key.charCodeAt(i)
    seen |= unit
    tail |= unit << shift
  }
  if (seen > 127) return murmur2Bytes(encoder.encode(key))
  return finish(length % 4 === 0 ? h : Math.imul(h ^ tail, M))
}

function murmur2Bytes(bytes: Uint8Array): number {
  const length = bytes.length
  const whole = length - (length % 4)
  let h = SEED ^ length
  let i = 0
  for (; i < whole; i += 4) {
    h = mix(h, at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24))
  }
  let tail = 0
  for (let shift = 0; i < length; i++, shift += 8) tail |= at(bytes, i) << shift
  return finish(length % 4 === 0 ? h : Math.imul(h ^ tail, M))
}

const at = (bytes: Uint8Array, i: number): number => bytes[i] ?? 0

function mix(h: number, word: number): number {
  let k = Math.imul(word, M)
  k ^= k >>> 24
  return Math.imul(h, M) ^ Math.imul(k, M)
}

function finish(h: number): number {
  const mixed = Math.imul(h ^ (h >>> 13), M)
  return mixed ^ (mixed >>> 15)
}
