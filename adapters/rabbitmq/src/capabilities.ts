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
import { LONGEST_DELAY } from './topology/delay-levels.ts'

const DAYS = Math.floor(LONGEST_DELAY / 86_400_000)
const QUEUES_KEEP_NOTHING = 'a queue keeps nothing that was settled, and nothing from before it was made'

const DIFFERENT: Partial<Record<CapabilityId, Capability>> = {
  'publish.delay': emulated(
    `through queues with a time to live, in steps of 100 ms; beyond ${DAYS} days a message is parked again on its way`,
  ),
  'publish.expiry': emulated(
    'an expired event stays in its queue until a member takes it, and is then dropped',
  ),
  'publish.dedupe': unsupported('RabbitMQ remembers no ids'),
  'replay.earliest': unsupported(QUEUES_KEEP_NOTHING),
  'replay.time': unsupported(QUEUES_KEEP_NOTHING),
  'replay.position': unsupported(QUEUES_KEEP_NOTHING),
  'order.key': emulated(
    'one quorum queue with a single active consumer per partition. While an event of a key waits for its backoff it takes a place in its member’s window; it stays unacked, so a backoff beyond the broker’s consumer_timeout (30 minutes by default) makes the channel anew',
  ),
  'settle.release': emulated(
    'a released event goes to the end of its queue, as a copy; on ordered topics it keeps its place',
  ),
  'lease.extend': emulated(
    'a delivery is ours as long as its channel, up to the broker’s consumer_timeout (30 minutes by default)',
  ),
  'topic.retention': unsupported(
    'a queue keeps an event until it is settled and nothing after; its own limits would drop what nobody has handled yet',
  ),
  'stats.lag': unsupported('queues have depths, not positions'),
}

/** What this configuration can do at most. */
export function capabilitiesFor(options: { readonly wildcards: boolean }): Capabilities {
  const of = Object.fromEntries(CAPABILITY_IDS.map(id => [id, DIFFERENT[id] ?? NATIVE])) as Record<
    CapabilityId,
    Capability
  >
  if (!options.wildcards)
    of['subscribe.wildcard'] = unsupported('this adapter was made with wildcards: false')
  return { version: CAPABILITIES_VERSION, of }
}
