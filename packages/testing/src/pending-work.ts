import type { Bus } from '@busbar/core'
import type { MemoryBroker } from '@busbar/memory'

/**
 * What is still to be done, in words; empty when nothing is. What waits in a group that has no member is not counted: only
 * a new subscription could change it.
 */
export function pendingWork(buses: Iterable<Bus>, broker: MemoryBroker): readonly string[] {
  const work: string[] = []
  const add = (count: number, what: string) => {
    if (count > 0) work.push(`${count} ${what}`)
  }
  const { topics, queues } = broker.inspect()
  for (const { topic, scheduled } of topics) add(scheduled, `events of "${topic}" published with a delay`)
  for (const { topic, group, members, ready, inFlight, delayed } of queues) {
    if (members === 0) continue
    const where = group === undefined ? `"${topic}" (broadcast)` : `"${topic}" of group "${group}"`
    add(ready, `ready in ${where}`)
    add(inFlight, `being handled in ${where}`)
    add(delayed, `waiting for a retry in ${where}`)
  }
  for (const { stats } of buses) {
    add(stats.publishing, 'publishes not confirmed')
    add(stats.requests.pending, 'requests not answered')
    // A broadcast's retries wait in the subscription itself.
    for (const { topic, group, held } of stats.subscriptions) {
      if (group === undefined) add(held, `held by a broadcast subscription of "${topic}"`)
    }
  }
  return work
}

/** Changes whenever anything moves, be it that nothing is left in the end. */
export function fingerprint(buses: Iterable<Bus>, broker: MemoryBroker): string {
  return JSON.stringify([broker.inspect(), ...[...buses].map(bus => bus.stats)])
}
