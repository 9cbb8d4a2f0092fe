import { AsyncLocalStorage } from 'node:async_hooks'
import { isBusError, Reject, RetryAfter } from '@busbar/core'
import type { Mutant } from '../model/mutant.ts'
import {
  alterBus,
  alterConsumeOptions,
  alterHandled,
  alterHandlers,
  type Handled,
  without,
} from '../wrap/bus.ts'

/** Replaces what handlers throw. */
const throwing =
  (change: (error: unknown) => unknown): NonNullable<Mutant['bus']> =>
  bus =>
    alterHandlers(bus, handler => async delivery => {
      try {
        return await handler(delivery)
      } catch (error) {
        throw change(error)
      }
    })

const optionsLost =
  (...names: readonly string[]): NonNullable<Mutant['bus']> =>
  bus =>
    alterConsumeOptions(bus, options => without(options, ...names))

export const busHandlingMutants: readonly Mutant[] = [
  {
    id: 'bus-throw-acked',
    bug: 'an event whose handler threw is acknowledged',
    seen: 'dapr/js-sdk',
    bus: bus =>
      alterHandlers(bus, handler => async delivery => {
        try {
          await handler(delivery)
        } catch {}
      }),
  },
  {
    id: 'bus-rejection-acked',
    bug: 'a handler is not awaited: a promise that rejects later counts as success',
    bus: bus =>
      alterHandlers(bus, handler => delivery => {
        void Promise.resolve(handler(delivery)).catch(() => {})
      }),
  },
  {
    id: 'bus-reject-retried',
    bug: 'Reject is retried like any error',
    bus: throwing(error => (error instanceof Reject ? new Error(error.message) : error)),
  },
  {
    id: 'bus-retry-after-ignored',
    bug: 'RetryAfter is retried by the backoff',
    bus: throwing(error => (error instanceof RetryAfter ? new Error(error.message) : error)),
  },
  {
    id: 'bus-errors-flattened',
    bug: 'the class and code of what a handler threw are lost',
    bus: throwing(error => (isBusError(error) ? error : new Error(String(error)))),
  },
  {
    id: 'bus-retry-policy-ignored',
    bug: 'the retry policy of a group is ignored',
    bus: optionsLost('retry'),
  },
  {
    id: 'bus-unhandled-ignored',
    bug: 'events of unknown types are always acknowledged',
    bus: optionsLost('unhandled'),
  },
  {
    id: 'bus-concurrency-ignored',
    bug: 'the concurrency asked for is ignored',
    bus: optionsLost('concurrency'),
  },
  {
    id: 'bus-concurrency-one',
    bug: 'handlers run one at a time',
    bus: bus => alterConsumeOptions(bus, options => ({ ...options, concurrency: 1 })),
  },
  { id: 'bus-prefetch-ignored', bug: 'the prefetch asked for is ignored', bus: optionsLost('prefetch') },
  { id: 'bus-start-ignored', bug: 'the start position is ignored', bus: optionsLost('start') },
  { id: 'bus-kill-switch-ignored', bug: 'the kill switch is ignored', bus: optionsLost('killSwitch') },
  { id: 'bus-lease-ignored', bug: 'the lease is ignored', bus: optionsLost('lease') },
  {
    id: 'bus-consume-options-unchecked',
    bug: 'unknown options of subscribe are silently ignored',
    bus: bus =>
      alterConsumeOptions(bus, options => {
        const known = [
          'group',
          'start',
          'concurrency',
          'prefetch',
          'retry',
          'killSwitch',
          'unhandled',
          'lease',
          'batch',
        ]
        return Object.fromEntries(Object.entries(options).filter(([name]) => known.includes(name)))
      }),
  },
  {
    id: 'bus-second-subscribe-allowed',
    bug: 'a second subscription to the same topic and group is silently the first',
    bus: bus => {
      let first: unknown
      return alterBus(bus, {
        async subscribe(target: never, options: never, handler: never) {
          try {
            first = await bus.subscribe(target, options, handler)
            return first
          } catch (error) {
            if (isBusError(error, 'ALREADY_SUBSCRIBED')) return first
            throw error
          }
        },
      })
    },
  },
  {
    id: 'bus-attempt-always-one',
    bug: 'every attempt is the first',
    bus: bus => alterHandled(bus, () => ({ attempt: 1 })),
  },
  {
    id: 'bus-redelivered-never',
    bug: 'no delivery says that it may have been handed out before',
    bus: bus => alterHandled(bus, () => ({ redelivered: false })),
  },
  {
    id: 'bus-signal-never-aborts',
    bug: 'the signal of a handler never aborts',
    bus: bus => alterHandled(bus, () => ({ signal: new AbortController().signal })),
  },
  {
    id: 'bus-schema-output-ignored',
    bug: 'a handler gets the data as published instead of what the schema made of it',
    bus: bus => alterHandled(bus, ({ event }) => ({ data: event.data })),
  },
  {
    id: 'bus-handler-changes-leak',
    bug: 'what a handler changes in its event is there at the next attempt',
    bus: bus => {
      const first = new Map<string, Handled>()
      return alterHandled(bus, delivery => {
        const { event } = delivery
        const kept = first.get(event.id) ?? delivery
        first.set(event.id, kept)
        return { event: kept.event, data: kept.data, headers: kept.headers, body: kept.body }
      })
    },
  },
  {
    id: 'bus-headers-hidden',
    bug: 'a handler does not see foreign headers',
    bus: bus => alterHandled(bus, () => ({ headers: [] })),
  },
  {
    id: 'bus-context-lost',
    bug: 'what a handler publishes does not carry correlation and causation',
    bus: bus => {
      const outside = AsyncLocalStorage.snapshot()
      return alterHandlers(bus, handler => delivery => outside(() => handler(delivery)))
    },
  },
]
