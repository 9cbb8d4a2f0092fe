import type { Bus, BusSubscription, DeadLetter, Topic } from '@busbar/core'
import type { CaseContext } from '../../model/case.ts'

/** Waits until the group's dead-letter queue holds `count` letters or more, and gives back all of them. */
export async function deadLettered(
  t: CaseContext,
  bus: Bus,
  topic: Topic | string,
  group: string,
  count = 1,
): Promise<readonly DeadLetter[]> {
  const queue = bus.deadLetters(topic, group)
  let letters: readonly DeadLetter[] = []
  await t.until(async () => {
    letters = await queue.list()
    return letters.length >= count
  }, `${count} dead letters of group ${group}`)
  return letters
}

/** Waits until nothing is held any more: every settlement so far has been taken over by the broker. */
export async function settled(t: CaseContext, subscription: BusSubscription): Promise<void> {
  await t.until(() => subscription.stats.held === 0, 'every settlement to be taken over')
}
