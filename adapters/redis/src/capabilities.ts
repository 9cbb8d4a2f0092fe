import {
  CAPABILITIES_VERSION,
  CAPABILITY_IDS,
  type Capabilities,
  type Capability,
  type CapabilityId,
  emulated,
  NATIVE,
  unsupported,
} from '@busbar/core/adapter'
import type { ResolvedOptions } from './options.ts'

/** What is not native to streams, in the words users read. */
const SPECIAL: Partial<Record<CapabilityId, Capability>> = {
  'publish.delay': emulated(
    'a sorted set, moved on by any process that subscribes or publishes with a delay; late when there is none',
  ),
  'publish.expiry': emulated('expired events stay in memory until a member skips them'),
  'publish.dedupe': emulated('within dedupeWindow, in two hashes beside the stream'),
  'publish.must-route': emulated(
    'a group counts from its creation; a broadcast subscription until 15 s after its process died',
  ),
  'subscribe.wildcard': unsupported('streams have no patterns: a subscription names one stream'),
  'order.key': emulated(
    'by a lock for each key at the server; one event of a key per round trip; partitions share one stream',
  ),
  'retry.durable': emulated('copied to a sorted set in one script, moved on by any member of the group'),
  'settle.release': emulated("copied to the group's own stream, which members read first"),
  'lease.extend': emulated('by resetting the idle time of a pending entry that is still ours'),
  'dead-letter.store': emulated('a stream for each group, filled by one script with the acknowledgement'),
  'request.reply': emulated(
    'lists for requests and channels for replies; what is on its way is lost with a connection, as promised: at most once',
  ),
  'topic.retention': emulated(
    'a floor: streams are trimmed after every 500 publishes and from time to time, and never of what a group has not settled',
  ),
  'request.no-responder': emulated('a responder that crashed counts for up to 15 s'),
}

export function capabilitiesFor(options: Pick<ResolvedOptions, 'dedupeWindow'>): Capabilities {
  const of = Object.fromEntries(CAPABILITY_IDS.map(id => [id, SPECIAL[id] ?? NATIVE])) as Record<
    CapabilityId,
    Capability
  >
  if (options.dedupeWindow === 0) of['publish.dedupe'] = unsupported('dedupeWindow is 0')
  return { version: CAPABILITIES_VERSION, of }
}
