import { isBusError } from '@busbar/core'
import type { Mutant } from '../model/mutant.ts'
import { alterBus, without } from '../wrap/bus.ts'
import { overlay } from '../wrap/overlay.ts'

const optionsLost =
  (...names: readonly string[]): NonNullable<Mutant['options']> =>
  options =>
    without(options as Record<string, unknown>, ...names)

type DeadLetterCall = (options?: Record<string, unknown>) => Promise<unknown>

/** Replaces how one of the calls on dead letters is made. */
const deadLetters =
  (
    call: 'list' | 'redrive' | 'purge',
    change: (options: Record<string, unknown>) => Record<string, unknown>,
  ): NonNullable<Mutant['bus']> =>
  bus =>
    alterBus(bus, {
      deadLetters(topic: never, group: string) {
        const queue = bus.deadLetters(topic, group)
        const original = queue[call].bind(queue) as unknown as DeadLetterCall
        return overlay(queue, {
          [call]: (options: Record<string, unknown> = {}) => original(change(options)),
        })
      },
    })

export const busLifecycleMutants: readonly Mutant[] = [
  {
    id: 'bus-drain-does-not-wait',
    bug: 'drain cuts running handlers short',
    seen: 'nestjs/nest#4076',
    bus: bus => alterBus(bus, { drain: () => bus.close() }),
  },
  {
    id: 'bus-drain-without-deadline',
    bug: 'drain waits for handlers however long they take',
    seen: 'watermill#669',
    bus: bus => alterBus(bus, { drain: () => bus.drain({ deadline: 3_000_000 }) }),
  },
  {
    id: 'bus-drain-says-nothing',
    bug: 'drain does not tell that it had to abandon something',
    bus: bus =>
      alterBus(bus, { drain: (options: { deadline?: number }) => bus.drain(options).catch(() => {}) }),
  },
  {
    id: 'bus-drain-leaves-open',
    bug: 'a drained bus is not closed',
    bus: bus => alterBus(bus, { drain: async () => {} }),
  },
  {
    id: 'bus-close-drains',
    bug: 'close waits for running handlers',
    bus: bus => alterBus(bus, { close: () => bus.drain({ deadline: 3_000_000 }) }),
  },
  {
    id: 'bus-close-twice-fails',
    bug: 'closing a closed bus rejects',
    bus: bus => {
      let closed = false
      return alterBus(bus, {
        async close() {
          if (closed) throw new Error('already closed')
          closed = true
          await bus.close()
        },
      })
    },
  },
  {
    id: 'bus-subscribe-after-close',
    bug: 'subscribing on a closed bus waits for ever',
    bus: bus =>
      alterBus(bus, {
        async subscribe(target: never, options: never, handler: never) {
          try {
            return await bus.subscribe(target, options, handler)
          } catch (error) {
            if (isBusError(error, 'BUS_CLOSED')) return new Promise(() => {})
            throw error
          }
        },
      }),
  },
  {
    id: 'bus-health-always-live',
    bug: 'health says live whatever happens',
    bus: bus => overlay(bus, { health: { status: 'live', connection: 'live', subscriptions: [] } }),
  },
  {
    id: 'bus-stuck-not-seen',
    bug: 'a handler that runs for ever does not show',
    seen: 'smallrye/smallrye-reactive-messaging#3035',
    bus: bus =>
      new Proxy(bus, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target)
          if (name !== 'health') return value
          const subscriptions = target.health.subscriptions.map(item => ({
            ...item,
            stuck: false,
            running: 0,
            oldestRunning: undefined,
          }))
          return { ...target.health, subscriptions }
        },
      }),
  },
  {
    id: 'bus-stats-frozen',
    bug: 'the bus’s counters stay as they were at the start',
    bus: bus => overlay(bus, { stats: structuredClone(bus.stats) }),
  },
  {
    id: 'bus-verify-finds-nothing',
    bug: 'verifyTopology reports no difference',
    bus: bus => alterBus(bus, { verifyTopology: async () => [] }),
  },
  {
    id: 'bus-list-filter-ignored',
    bug: 'listing dead letters ignores the filter',
    bus: deadLetters('list', options => without(options, 'filter')),
  },
  {
    id: 'bus-list-limit-ignored',
    bug: 'listing dead letters ignores the limit',
    bus: deadLetters('list', options => without(options, 'limit')),
  },
  {
    id: 'bus-redrive-filter-ignored',
    bug: 'a redrive ignores its filter',
    bus: deadLetters('redrive', options => without(options, 'filter')),
  },
  {
    id: 'bus-redrive-limit-ignored',
    bug: 'a redrive ignores its limit',
    bus: deadLetters('redrive', options => without(options, 'limit')),
  },
  {
    id: 'bus-redrive-rate-ignored',
    bug: 'a redrive ignores its rate',
    bus: deadLetters('redrive', options => without(options, 'rate')),
  },
  {
    id: 'bus-redrive-signal-ignored',
    bug: 'a redrive cannot be stopped',
    bus: deadLetters('redrive', options => without(options, 'signal')),
  },
  {
    id: 'bus-redrive-silent',
    bug: 'a redrive does not tell its progress',
    bus: deadLetters('redrive', options => without(options, 'onProgress')),
  },
  {
    id: 'bus-purge-filter-ignored',
    bug: 'a purge ignores its filter',
    bus: deadLetters('purge', options => without(options, 'filter')),
  },
  {
    id: 'bus-requires-ignored',
    bug: 'capabilities that the service cannot do without are not checked',
    options: optionsLost('requires'),
  },
  {
    id: 'bus-retry-default-ignored',
    bug: 'the bus’s retry policy is ignored',
    options: optionsLost('retry'),
  },
  { id: 'bus-topology-ignored', bug: 'the topology mode is ignored', options: optionsLost('topology') },
  {
    id: 'bus-topics-ignored',
    bug: 'topics named at the start are not provisioned',
    options: optionsLost('topics'),
  },
  { id: 'bus-source-ignored', bug: 'the source of built events is ignored', options: optionsLost('source') },
  { id: 'bus-middleware-ignored', bug: 'middleware is not called', options: optionsLost('middleware') },
  {
    id: 'bus-instrumentation-ignored',
    bug: 'instrumentation is not called',
    options: optionsLost('instrumentation'),
  },
  {
    id: 'bus-publishing-limits-ignored',
    bug: 'limits of publishing are ignored',
    options: optionsLost('publishing'),
  },
  {
    id: 'bus-errors-unreported',
    bug: 'background errors are reported to nobody',
    options: options => ({
      ...options,
      onError: () => {},
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    }),
  },
  {
    id: 'bus-options-unchecked',
    bug: 'unknown options of createBus are silently ignored',
    options: options => {
      const known = [
        'source',
        'prefix',
        'clientName',
        'requires',
        'topics',
        'topology',
        'retry',
        'publishing',
        'mode',
        'middleware',
        'instrumentation',
        'logger',
        'onError',
        'adapters',
        'clock',
        'random',
      ]
      return Object.fromEntries(Object.entries(options).filter(([name]) => known.includes(name)))
    },
  },
]
