import { Buffer } from 'node:buffer'

/** Text and bytes one after the other. @param size of all of them, in bytes. */
export function joined(parts: readonly (string | Uint8Array)[], size: number): Buffer {
  const whole = Buffer.allocUnsafe(size)
  let at = 0
  for (const part of parts) {
    if (typeof part === 'string') at += whole.write(part, at)
    else {
      whole.set(part, at)
      at += part.byteLength
    }
  }
  return whole
}
