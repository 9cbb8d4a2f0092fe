import type { Bus, BusSubscription, PublishOptions, Topic } from '@busbar/core'
import type { CaseContext } from '../../model/case.ts'
import { item, lastId } from './items.ts'
import type { Recorder } from './recorder.ts'

/** A subscription and what it handled. */
export interface Member {
  readonly recorder: Recorder
  readonly subscription: BusSubscription
}

/**
 * Resolves when nothing more is to be expected of one group (or one broadcast subscription): an event published now
 * was handled by a member, and no member holds anything. The case then looks at what came before.
 */
export async function quiet(
  t: CaseContext,
  bus: Bus,
  topic: Topic | string,
  members: readonly Member[],
  options?: PublishOptions,
): Promise<void> {
  const last = lastId(Math.floor(t.random.next() * 1e9))
  await t.within(bus.publish(topic, item(last), options), 'the last event to be confirmed')
  await t.until(
    () =>
      members.some(m => m.recorder.done.includes(last)) &&
      members.every(m => m.subscription.stats.held === 0),
    'the last event to be handled and nothing to be held',
  )
}

/** Resolves when nothing is left on the broker for the group: nothing waits, nothing is with a member. */
export async function emptied(t: CaseContext, bus: Bus, topic: Topic | string, group: string): Promise<void> {
  await t.until(async () => {
    const { ready = 0, inFlight = 0, delayed = 0, lag = 0 } = await bus.queueStats(topic, group)
    return ready + inFlight + delayed + lag === 0
  }, `nothing to be left for group ${group}`)
}
