import {
  CAPABILITIES_VERSION,
  CAPABILITY_IDS,
  type Capabilities,
  type Capability,
  type CapabilityId,
  emulated,
  NATIVE,
} from '@busbar/core/adapter'

const EMULATED: Partial<Record<CapabilityId, string>> = {
  'publish.delay':
    'the event is stored at once and each group holds it back by a delayed nak until its time; members need to run to begin that wait, not during it',
  'publish.expiry': 'the server keeps an expired event until a member takes it, and Busbar drops it there',
  'publish.must-route':
    'the groups are listed before each such publish; one that goes in between is not noticed',
  'subscribe.wildcard':
    'a group or broadcast of several topics has a stream of its own that draws a copy of each event; topics with an address of their own are not matched',
  'order.key':
    'each partition is read by one member of a group at a time; with more than 1,000 events behind retries a partition waits for them',
  'settle.release': 'the server counts it as a redelivery; a note beside the event says that it was none',
  'topology.verify': 'streams and consumers that Busbar did not make are compared by what Busbar sets',
}

/** What NATS 2.10 and later can do through this adapter. */
export const CAPABILITIES: Capabilities = {
  version: CAPABILITIES_VERSION,
  of: Object.fromEntries(
    CAPABILITY_IDS.map(id => {
      const limits = EMULATED[id]
      return [id, limits === undefined ? NATIVE : emulated(limits)]
    }),
  ) as Record<CapabilityId, Capability>,
}
