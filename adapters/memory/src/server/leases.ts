import type { Member } from './member.ts'
import type { MemoryDelivery } from './memory-delivery.ts'
import type { KeyLane } from './ready-by-key.ts'

/** The deliveries of a member whose lease is over, and the next time to look (Infinity: nothing in flight). */
export function overdue(member: Member, now: number): { expired: MemoryDelivery[]; next: number } {
  let next = Number.POSITIVE_INFINITY
  let found = false
  for (const { leaseUntil } of member.inFlight) {
    if (leaseUntil <= now) found = true
    else if (leaseUntil < next) next = leaseUntil
  }
  if (!found) return { expired: [], next }
  // A key is lost as a whole: if only its first event went back, this member could still finish a later one before it.
  const lanes = new Set<KeyLane>()
  for (const { leaseUntil, entry } of member.inFlight) {
    if (leaseUntil <= now && entry.lane !== undefined) lanes.add(entry.lane)
  }
  const expired = member.inFlight.filter(
    ({ leaseUntil, entry }) => leaseUntil <= now || (entry.lane !== undefined && lanes.has(entry.lane)),
  )
  return { expired, next }
}
