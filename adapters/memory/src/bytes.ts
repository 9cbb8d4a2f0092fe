/** Copies up to this size share a slab; as with Node's own pool, a slab is freed with the last of its copies. */
const SLAB = 8192
const LARGEST_SHARED = SLAB >> 2

let slab = new ArrayBuffer(SLAB)
let used = 0

/** A copy. Small ones are cut from a slab: an ArrayBuffer of its own costs more than everything else in a publish. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  if (length > LARGEST_SHARED) return new Uint8Array(bytes)
  if (used + length > SLAB) {
    slab = new ArrayBuffer(SLAB)
    used = 0
  }
  const copy = new Uint8Array(slab, used, length)
  copy.set(bytes)
  used += length
  return copy
}
