import {
  CAPABILITIES_VERSION,
  CAPABILITY_IDS,
  type Capabilities,
  type Capability,
  type CapabilityId,
  NATIVE,
  unsupported,
} from '@busbar/core/adapter'

/** Everything is native; only deduplication can be switched off, by a window of 0. */
export function capabilitiesFor(options: { readonly dedupeWindow: number }): Capabilities {
  const of = Object.fromEntries(CAPABILITY_IDS.map(id => [id, NATIVE])) as Record<CapabilityId, Capability>
  if (options.dedupeWindow === 0)
    of['publish.dedupe'] = unsupported('this broker was made with dedupeWindow 0')
  return { version: CAPABILITIES_VERSION, of }
}
