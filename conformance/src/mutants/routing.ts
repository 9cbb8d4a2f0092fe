import type { Adapter, Outgoing } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import { alterBroker, alterContext, alterDeadItems, alterMessages } from '../wrap/broker.ts'
import { overlay } from '../wrap/overlay.ts'
import { alterSubscriptions } from '../wrap/subscription.ts'

const isPattern = (topic: string) => topic.includes('*')

/** Another name for each topic on the broker; core goes on hearing the one it asked for. */
function renaming(adapter: Adapter, rename: (topic: string) => string): Adapter {
  const published = alterMessages(adapter, message =>
    'topic' in message.to
      ? { ...message, to: { ...message.to, topic: rename(message.to.topic) } as Outgoing['to'] }
      : message,
  )
  const subscribed = alterSubscriptions(published, ({ spec }) =>
    isPattern(spec.topic)
      ? undefined
      : {
          spec: { ...spec, topic: rename(spec.topic) },
          delivery: delivery => overlay(delivery, { topic: spec.topic }),
        },
  )
  return alterBroker(subscribed, broker => ({
    topology: (topology, mode) => {
      const topics = topology.topics.map(item => ({ ...item, topic: rename(item.topic) }))
      const groups = topology.groups.map(item => ({ ...item, topic: rename(item.topic) }))
      // Two topics that meet must not be noticed by their terms.
      return broker.topology(
        { topics: [...new Map(topics.map(item => [item.topic, item])).values()], groups },
        mode,
      )
    },
    stats: query => broker.stats({ ...query, topic: rename(query.topic) }),
  }))
}

/** Other patterns than were asked for. */
const matching =
  (change: (pattern: string) => string): NonNullable<Mutant['adapter']> =>
  adapter =>
    alterSubscriptions(adapter, ({ spec }) =>
      isPattern(spec.topic) ? { spec: { ...spec, topic: change(spec.topic) } } : undefined,
    )

export const routingMutants: readonly Mutant[] = [
  {
    id: 'star-matches-many',
    bug: '* matches any number of segments',
    adapter: matching(pattern => pattern.replaceAll(/(?<!\*)\*(?!\*)/g, '**')),
  },
  {
    id: 'double-star-matches-one',
    bug: '** matches one segment only',
    adapter: matching(pattern => pattern.replaceAll('**', '*')),
  },
  {
    id: 'pattern-as-topic',
    bug: 'a delivery of a wildcard subscription tells the pattern for its topic',
    adapter: adapter =>
      alterSubscriptions(adapter, ({ spec }) =>
        isPattern(spec.topic)
          ? { delivery: delivery => overlay(delivery, { topic: spec.topic }) }
          : undefined,
      ),
  },
  {
    id: 'dead-letter-topic-is-pattern',
    bug: 'a dead letter of a wildcard subscription does not tell its topic',
    adapter: adapter =>
      alterDeadItems(adapter, items => items.map(item => overlay(item, { topic: 'orders.**' }))),
  },
  {
    id: 'pattern-fixed-at-subscribe',
    bug: 'a wildcard subscription sees only topics with a single further segment of up to four letters',
    seen: 'Kafka: the regular expression is resolved once',
    adapter: adapter =>
      alterSubscriptions(adapter, sides =>
        isPattern(sides.spec.topic)
          ? {
              sink: {
                deliver(batch) {
                  const known = batch.filter(delivery =>
                    /^[A-Za-z0-9-]{1,4}$/.test(delivery.topic.split('.').at(-1) ?? ''),
                  )
                  const others = batch.filter(delivery => !known.includes(delivery))
                  if (others.length > 0) {
                    sides.subscription.settle(others.map(delivery => ({ kind: 'ack', delivery })))
                  }
                  sides.sink.deliver(known)
                },
              },
            }
          : undefined,
      ),
  },
  {
    id: 'topics-leak',
    bug: 'a subscription gets events of every topic',
    adapter: adapter =>
      alterSubscriptions(adapter, ({ spec }) =>
        isPattern(spec.topic) || spec.kind === 'requests' || spec.ordering === 'key'
          ? undefined
          : { spec: { ...spec, topic: '**' } },
      ),
  },
  {
    id: 'topics-fold-case',
    bug: 'two topics that differ in case are one',
    adapter: adapter => renaming(adapter, topic => topic.toLowerCase()),
  },
  {
    id: 'topics-fold-dots',
    bug: 'topics a.b and a-b are one',
    seen: 'Kafka metrics: a.b collides with a_b; NATS durables refuse dots',
    adapter: adapter => renaming(adapter, topic => topic.replaceAll('.', '-')),
  },
  {
    id: 'topics-cut',
    bug: 'long topics are cut, and meet',
    seen: 'SQS: 80 characters',
    adapter: adapter => renaming(adapter, topic => topic.slice(0, 60)),
  },
  {
    id: 'groups-cut',
    bug: 'long group names are cut, and meet',
    adapter: adapter =>
      alterSubscriptions(adapter, ({ spec }) =>
        spec.group === undefined
          ? undefined
          : { spec: { ...spec, group: spec.group.slice(0, 30).replace(/[.-]$/, '') } },
      ),
  },
  {
    id: 'names-joined',
    bug: 'topic a with group b.c is topic a.b with group c',
    adapter: adapter =>
      alterSubscriptions(adapter, ({ spec }) => {
        const [head, ...rest] = spec.group?.split('.') ?? []
        return head === undefined || rest.length === 0
          ? undefined
          : { spec: { ...spec, topic: `${spec.topic}.${head}`, group: rest.join('.') } }
      }),
  },
  {
    id: 'prefix-ignored',
    bug: 'tenants of one broker share topics',
    adapter: adapter => alterContext(adapter, () => ({ prefix: '' })),
  },
  {
    id: 'prefix-visible',
    bug: 'the prefix shows in the topic of a delivery',
    adapter: adapter =>
      alterSubscriptions(adapter, ({ spec, context }) => ({
        delivery: delivery => overlay(delivery, { topic: `${context.prefix}.${delivery.topic}` }),
        spec,
      })),
  },
]
