import { BusError, type StartPosition } from '@busbar/core/adapter'

/**
 * The id after which a start position lies, as XREAD and XGROUP take it.
 * @throws BusError INVALID_OPTIONS for what is no position here.
 */
export function startId(start: StartPosition): string {
  const id = idBefore(start)
  if (id !== undefined) return id
  throw new BusError('INVALID_OPTIONS', 'start.position: is not a position of Redis', {
    field: 'start.position',
    remedy: 'pass one that a publish or a delivery has shown, such as 1700000000000-0',
  })
}

/** Undefined for what is no position here. Exported for tests. */
export function idBefore(start: StartPosition): string | undefined {
  if (start === 'new') return '$'
  if (start === 'earliest') return '0'
  if ('time' in start) return before(start.time.getTime(), 0n)
  const match = /^(\d{1,15})-(\d{1,20})$/.exec(start.position)
  return match === null ? undefined : before(Number(match[1]), BigInt(match[2] as string))
}

const LAST = 2n ** 64n - 1n

function before(ms: number, sequence: bigint): string {
  if (sequence > 0n) return `${ms}-${sequence - 1n}`
  return ms <= 0 ? '0' : `${ms - 1}-${LAST}`
}
