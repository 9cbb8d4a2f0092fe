import { type Bus, Reject, type TypedDelivery } from '@busbar/core'
import type { CaseContext } from '../../model/case.ts'
import { deadLettered } from '../support/dead.ts'
import { publishItems } from '../support/items.ts'

/** A handler that rejects whatever it is given. */
export function rejectAll(delivery: TypedDelivery): never {
  throw new Reject(`${delivery.event.id} is no good`)
}

/** Puts an event for each of `names` into the dead-letter queue of topic `jobs` and group `workers`, in this order. */
export async function bury(t: CaseContext, bus: Bus, names: readonly string[]): Promise<void> {
  const subscription = await bus.subscribe('jobs', { group: 'workers', concurrency: 1 }, rejectAll)
  for (const name of names) await publishItems(bus, 'jobs', [name])
  await deadLettered(t, bus, 'jobs', 'workers', names.length)
  await t.within(subscription.close(), 'the subscription to close')
}

export async function buried(bus: Bus, group = 'workers'): Promise<(string | undefined)[]> {
  return (await bus.deadLetters('jobs', group).list()).map(letter => letter.event?.id)
}
