import type { Bus } from '@busbar/core'
import { isBusError } from '@busbar/core'
import type { Mutant } from '../model/mutant.ts'
import { alterBus, without } from '../wrap/bus.ts'

type Publish = (target: unknown, data: unknown, options?: Record<string, unknown>) => Promise<unknown>
type Contract = { readonly type?: string; readonly topic?: unknown; readonly source?: string }

const publishing =
  (change: (publish: Publish) => Publish): NonNullable<Mutant['bus']> =>
  (bus: Bus) =>
    alterBus(bus, { publish: change(bus.publish.bind(bus) as unknown as Publish) })

/** Without some of the options of a publish. */
const optionsLost = (...names: readonly string[]) =>
  publishing(
    publish => (target, data, options) => publish(target, data, options && without(options, ...names)),
  )

const RECEIPT = { id: 'none', position: undefined, duplicate: false }

export const busPublishingMutants: readonly Mutant[] = [
  {
    id: 'bus-publish-not-awaited',
    bug: 'publish resolves without waiting',
    seen: 'nestjs emit()',
    bus: publishing(publish => async (target, data, options) => {
      publish(target, data, options).catch(() => {})
      return RECEIPT
    }),
  },
  {
    id: 'bus-publish-errors-swallowed',
    bug: 'a publish that failed resolves',
    bus: publishing(
      publish => (target, data, options) => publish(target, data, options).catch(() => RECEIPT),
    ),
  },
  {
    id: 'bus-publish-errors-untyped',
    bug: 'a publish fails with an error that has no code',
    bus: publishing(
      publish => (target, data, options) =>
        publish(target, data, options).catch((error: unknown) => {
          throw new Error(String(error))
        }),
    ),
  },
  {
    id: 'bus-publish-after-close',
    bug: 'publishing on a closed bus does nothing and succeeds',
    bus: publishing(
      publish => (target, data, options) =>
        publish(target, data, options).catch((error: unknown) => {
          if (isBusError(error, 'BUS_CLOSED')) return RECEIPT
          throw error
        }),
    ),
  },
  {
    id: 'bus-schema-not-checked',
    bug: 'data is published without being validated',
    seen: 'golevelup/nestjs#534',
    bus: publishing(publish => (target, data, options) => {
      const contract = target as Contract
      if (typeof target !== 'object' || contract.type === undefined) return publish(target, data, options)
      const { attributes = {}, ...rest } = options ?? {}
      const event = {
        id: crypto.randomUUID(),
        source: '/',
        ...(attributes as object),
        type: contract.type,
        data,
      }
      return publish(contract.topic, event, rest)
    }),
  },
  {
    id: 'bus-event-wrapped-again',
    bug: 'an event that is passed whole becomes the data of another',
    seen: 'dapr: cloudevents wrapped twice',
    bus: publishing(publish => (target, data, options) => {
      const event = data as { id?: unknown; source?: unknown; specversion?: unknown; type?: unknown }
      if (typeof event?.type !== 'string' || (target as Contract).type !== undefined)
        return publish(target, data, options)
      return publish(
        target,
        { id: event.id, source: event.source, type: 'com.example.wrapped', data: event },
        options,
      )
    }),
  },
  {
    id: 'bus-event-gets-time',
    bug: 'an event that is passed whole gets a time it did not have',
    bus: publishing(publish => (target, data, options) => {
      const event = data as { type?: unknown; time?: unknown }
      if (typeof event?.type !== 'string' || (target as Contract).type !== undefined)
        return publish(target, data, options)
      return publish(target, { time: '2026-01-01T00:00:00Z', ...event }, options)
    }),
  },
  {
    id: 'bus-event-gets-new-id',
    bug: 'an event that is passed whole gets another id',
    bus: publishing(publish => (target, data, options) => {
      const event = data as { type?: unknown }
      if (typeof event?.type !== 'string' || (target as Contract).type !== undefined)
        return publish(target, data, options)
      return publish(target, { ...event, id: crypto.randomUUID() }, options)
    }),
  },
  {
    id: 'bus-publish-headers-ignored',
    bug: 'headers given to publish are ignored',
    bus: optionsLost('headers'),
  },
  {
    id: 'bus-publish-delay-ignored',
    bug: 'delay and notBefore are ignored',
    bus: optionsLost('delay', 'notBefore'),
  },
  {
    id: 'bus-publish-signal-ignored',
    bug: 'the signal given to publish is ignored',
    bus: optionsLost('signal'),
  },
  {
    id: 'bus-publish-timeout-ignored',
    bug: 'the timeout given to publish is ignored',
    bus: optionsLost('timeout'),
  },
  {
    id: 'bus-publish-attributes-ignored',
    bug: 'attributes given to publish are ignored',
    bus: optionsLost('attributes'),
  },
  { id: 'bus-publish-key-ignored', bug: 'the key given to publish is ignored', bus: optionsLost('key') },
  {
    id: 'bus-publish-options-unchecked',
    bug: 'unknown options of publish are silently ignored',
    bus: publishing(publish => (target, data, options) => {
      const known = ['delay', 'notBefore', 'key', 'mustRoute', 'timeout', 'signal', 'headers', 'attributes']
      const kept =
        options && Object.fromEntries(Object.entries(options).filter(([name]) => known.includes(name)))
      return publish(target, data, kept)
    }),
  },
  {
    id: 'bus-batch-failures-hidden',
    bug: 'every entry of a batch is reported as confirmed',
    bus: bus =>
      alterBus(bus, {
        async publishBatch(entries: never) {
          const results = await bus.publishBatch(entries)
          return results.map(() => ({ status: 'confirmed', receipt: RECEIPT }))
        },
      }),
  },
  {
    id: 'bus-batch-rejects-whole',
    bug: 'a batch with one bad entry rejects instead of telling which',
    bus: bus =>
      alterBus(bus, {
        async publishBatch(entries: never) {
          const results = await bus.publishBatch(entries)
          for (const result of results) if (result.status === 'failed') throw result.error
          return results
        },
      }),
  },
  {
    id: 'bus-flush-not-waiting',
    bug: 'flush does not wait',
    bus: bus => alterBus(bus, { flush: async () => {} }),
  },
]
