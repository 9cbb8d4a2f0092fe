import type { DeadLetterQuery, QueueStats } from '@busbar/core/adapter'
import { STATS } from '../scripts/stats.ts'
import { groupOrThrow, type TopologyContext } from './topology.ts'

/** @throws BusError TOPOLOGY_MISSING */
export async function statsOf(o: TopologyContext, { topic, group }: DeadLetterQuery): Promise<QueueStats> {
  await groupOrThrow(o, { topic, group })
  const k = o.names.group(topic, group)
  const { delayed } = o.names.topic(topic)
  const answer = (await o.link.run(
    STATS,
    [k.stream, k.inbox, delayed, k.delayed, k.dead, k.waiting, k.ready, k.backoff],
    [group],
  )) as number[]
  const [ready = 0, inFlight = 0, waiting = 0, dead = 0, exact = 0] = answer.map(Number)
  return { ready, inFlight, delayed: waiting, lag: ready + inFlight + waiting, dead, exact: exact === 1 }
}
