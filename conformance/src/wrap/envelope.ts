import type { Adapter, Envelope } from '@busbar/core/adapter'
import { alterMessages } from './broker.ts'
import { alterDeliveries } from './subscription.ts'

/** Changes the envelope of each event on its way out; requests and replies pass. */
export function alterEnvelopes(adapter: Adapter, change: (envelope: Envelope) => Partial<Envelope>): Adapter {
  return alterMessages(adapter, message =>
    message.to.kind === 'topic'
      ? { ...message, envelope: { ...message.envelope, ...change(message.envelope) } }
      : message,
  )
}

/** Changes the envelope of each event on its way in. */
export function alterReceived(
  adapter: Adapter,
  change: (envelope: Envelope, failures: number) => Partial<Envelope>,
): Adapter {
  return alterDeliveries(adapter, ({ envelope, failures }) =>
    envelope === null ? {} : { envelope: { ...envelope, ...change(envelope, failures) } },
  )
}

/** Changes each attribute's value. */
export function alterAttributes(
  adapter: Adapter,
  change: (value: string, name: string) => string | undefined,
): Adapter {
  return alterEnvelopes(adapter, ({ attributes }) => {
    const kept: Record<string, string> = {}
    for (const [name, value] of Object.entries(attributes)) {
      const changed = change(value, name)
      if (changed !== undefined) kept[name] = changed
    }
    return { attributes: kept }
  })
}
