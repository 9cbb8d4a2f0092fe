import { type Adapter, type Broker, type Capabilities, type CapabilityId, NATIVE } from '@busbar/core/adapter'
import { overlay } from '../wrap/overlay.ts'

/** The same adapter, with a manifest that claims `ids` as native: what it really does with them then shows. */
export function claimNative(adapter: Adapter, ids: readonly CapabilityId[]): Adapter {
  const claim = (capabilities: Capabilities): Capabilities => ({
    ...capabilities,
    of: { ...capabilities.of, ...Object.fromEntries(ids.map(id => [id, NATIVE])) },
  })
  return overlay(adapter, {
    capabilities: claim(adapter.capabilities),
    async connect(context) {
      const broker: Broker = await adapter.connect(context)
      return overlay(broker, { capabilities: claim(broker.capabilities) })
    },
  })
}
