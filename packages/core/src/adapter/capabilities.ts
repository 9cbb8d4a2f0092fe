/**
 * What an adapter can be asked for. The list is closed and versioned: an id is never reused, and a new one
 * raises {@link CAPABILITIES_VERSION}. `docs/capabilities.md` says what each one promises.
 */
export const CAPABILITY_IDS = [
  /** `publish` resolves on the broker's confirmation. Every adapter has this. */
  'publish.confirm',
  /** Many events in one exchange with the broker, with a result each. */
  'publish.batch',
  /** `delay` and `notBefore`: durable, never early. */
  'publish.delay',
  /** `expirytime` is honoured: an expired event is not handled. */
  'publish.expiry',
  /** The broker drops a second copy of the same publish. */
  'publish.dedupe',
  /** `mustRoute`: a publish that no group receives is refused. */
  'publish.must-route',
  /** Durable groups of competing consumers. */
  'subscribe.group',
  /** Ephemeral subscriptions without a group: every instance gets every event. */
  'subscribe.broadcast',
  /** `*` and `**` in a subscription's topic. */
  'subscribe.wildcard',
  /** `start: 'earliest'` for a new group. */
  'replay.earliest',
  /** `start: { time }` for a new group. */
  'replay.time',
  /** `start: { position }` for a new group. */
  'replay.position',
  /** Events of one key one at a time, in publish order, over all members, retries included. */
  'order.key',
  /** Retries survive every process and hold up nobody else. */
  'retry.durable',
  /** Attempts are counted exactly; without it the count is an upper bound. */
  'retry.exact-attempts',
  /** A message can be given back without being charged an attempt. */
  'settle.release',
  /** A long handler's lease is renewed. */
  'lease.extend',
  'dead-letter.store',
  /** Single dead letters can be removed or redriven, by a filter. */
  'dead-letter.selective',
  'request.reply',
  /** A request to nobody fails at once instead of by its timeout. */
  'request.no-responder',
  'stats.backlog',
  'stats.lag',
  /** Binary content mode on this adapter's wire. */
  'events.binary',
  /** Structured content mode on this adapter's wire. */
  'events.structured',
  /** A topic's `retention`: how long events are kept for groups to come and for replay. */
  'topic.retention',
  'topology.declare',
  'topology.verify',
] as const

export type CapabilityId = (typeof CAPABILITY_IDS)[number]

export const CAPABILITIES_VERSION = 2

export type Capability =
  | { readonly support: 'native' }
  /** Built from other features of the broker; `limits` says what is weaker or bounded. */
  | { readonly support: 'emulated'; readonly limits: string }
  /** Asking for it is refused with `CAPABILITY_UNSUPPORTED`. */
  | { readonly support: 'unsupported'; readonly reason: string }

/** What one adapter can do: read by core, by users (`bus.capabilities`), and by the conformance suite. */
export interface Capabilities {
  readonly version: typeof CAPABILITIES_VERSION
  readonly of: Readonly<Record<CapabilityId, Capability>>
}

export const NATIVE: Capability = { support: 'native' }
export const emulated = (limits: string): Capability => ({ support: 'emulated', limits })
export const unsupported = (reason: string): Capability => ({ support: 'unsupported', reason })
