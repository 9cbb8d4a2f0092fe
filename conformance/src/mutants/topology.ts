import { isBusError } from '@busbar/core'
import type { QueueStats, Retention } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import { alterBroker } from '../wrap/broker.ts'

/** Changes the numbers of a queue. */
const stats =
  (change: (stats: QueueStats) => QueueStats): NonNullable<Mutant['adapter']> =>
  adapter =>
    alterBroker(adapter, broker => ({ stats: async query => change(await broker.stats(query)) }))

/** Changes what topics are said to keep. */
const retention =
  (change: (retention: Retention) => Retention | undefined): NonNullable<Mutant['adapter']> =>
  adapter =>
    alterBroker(adapter, broker => ({
      topology: ({ topics, groups }, mode) =>
        broker.topology(
          {
            topics: topics.map(({ retention: asked, ...spec }) => {
              const given = asked === undefined ? undefined : change(asked)
              return { ...spec, ...(given === undefined ? {} : { retention: given }) }
            }),
            groups,
          },
          mode,
        ),
    }))

export const topologyMutants: readonly Mutant[] = [
  {
    id: 'verify-finds-nothing',
    bug: 'verifying the topology reports no difference, whatever there is',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        topology: async (topology, mode) => (mode === 'verify' ? [] : broker.topology(topology, mode)),
      })),
  },
  {
    id: 'verify-changes',
    bug: 'verifying the topology creates what is missing',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        async topology(topology, mode) {
          if (mode === 'declare') return broker.topology(topology, mode)
          const drift = await broker.topology(topology, mode)
          if (mode === 'verify') await broker.topology(topology, 'declare').catch(() => {})
          return drift
        },
      })),
  },
  {
    id: 'none-declares',
    bug: 'topology mode none creates what is missing',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        topology: (topology, mode) => broker.topology(topology, mode === 'none' ? 'declare' : mode),
      })),
  },
  {
    id: 'orphans-hidden',
    bug: 'groups that nobody uses any more are not reported',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        topology: async (topology, mode) =>
          (await broker.topology(topology, mode)).filter(drift => drift.kind !== 'orphan'),
      })),
  },
  {
    id: 'conflict-hidden',
    bug: 'a topic that exists on other terms is used as it is',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        async topology(topology, mode) {
          try {
            return await broker.topology(topology, mode)
          } catch (error) {
            if (isBusError(error, 'TOPOLOGY_INCOMPATIBLE') || isBusError(error, 'TOPIC_CONFLICT')) return []
            throw error
          }
        },
      })),
  },
  {
    id: 'missing-hidden',
    bug: 'a topic that does not exist is reported as an unclear failure',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        async publish(batch) {
          const results = await broker.publish(batch)
          return results.map(result =>
            result.status === 'failed' && isBusError(result.error, 'TOPOLOGY_MISSING')
              ? { status: 'confirmed' }
              : result,
          )
        },
        async subscribe(spec, toSink) {
          try {
            return await broker.subscribe(spec, toSink)
          } catch (error) {
            if (!isBusError(error, 'TOPOLOGY_MISSING')) throw error
            throw new Error('404')
          }
        },
      })),
  },
  {
    id: 'retention-ignored',
    bug: 'a topic keeps what the broker keeps by default, whatever retention it declares',
    adapter: retention(() => undefined),
  },
  {
    id: 'retention-cut-short',
    bug: 'a topic keeps less than its retention',
    adapter: retention(({ count, ...others }) => ({
      ...others,
      ...(count === undefined ? {} : { count: Math.ceil(count / 2) }),
    })),
  },
  {
    id: 'stats-no-backlog',
    bug: 'the backlog is always nothing',
    adapter: stats(found => ({ ...found, ready: 0, lag: 0 })),
  },
  {
    id: 'stats-no-in-flight',
    bug: 'what members hold is not counted',
    adapter: stats(found => ({ ...found, inFlight: 0 })),
  },
  {
    id: 'stats-delayed-as-ready',
    bug: 'what waits for its delay is counted as ready',
    adapter: stats(found => ({ ...found, ready: (found.ready ?? 0) + (found.delayed ?? 0), delayed: 0 })),
  },
  {
    id: 'stats-no-dead',
    bug: 'dead letters are not counted',
    adapter: stats(found => ({ ...found, dead: 0 })),
  },
]
