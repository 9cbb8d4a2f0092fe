import type { CloudEventInput, PublishOptions, TypedDelivery } from '@busbar/core'
import type { CapabilityId } from '@busbar/core/adapter'
import type { CaseContext } from '../../model/case.ts'
import { witness } from '../support/witness.ts'

export type Mode = 'binary' | 'structured'

export const MODES: readonly Mode[] = ['binary', 'structured']

/** What an adapter needs for a round trip in `mode`. */
export const forMode = (mode: Mode): readonly CapabilityId[] => ['subscribe.group', `events.${mode}`]

let rounds = 0

/** Publishes whole events in a content mode, and gives back what a handler in another process got, in the same order. */
export async function carry(
  t: CaseContext,
  mode: Mode | undefined,
  events: readonly CloudEventInput[],
  options?: PublishOptions,
): Promise<readonly TypedDelivery[]> {
  const publisher = await t.bus(mode === undefined ? {} : { mode })
  const consumer = await t.bus()
  const seen = witness(t)
  // A group of its own: an earlier round's consumer is still a member of the last one's.
  const group = `readers-${++rounds}`
  await consumer.subscribe('carried', { group, concurrency: 1 }, seen.handle)
  for (const event of events) {
    await t.within(publisher.publish('carried', event, options), `the confirmation of ${String(event.id)}`)
  }
  await t.until(() => new Set(seen.ids).size === events.length, 'every event to arrive')
  return events.flatMap(event => seen.deliveries.filter(d => d.event.id === event.id).slice(0, 1))
}
