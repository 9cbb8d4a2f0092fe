import type { Delivery, Subscription } from '@busbar/core/adapter'
import type { Mutant } from '../model/mutant.ts'
import { alterBroker } from '../wrap/broker.ts'
import { alterSpecs, alterSubscriptions } from '../wrap/subscription.ts'

export const groupMutants: readonly Mutant[] = [
  {
    id: 'group-members-all-get-all',
    bug: 'every member of a group gets every event',
    seen: 'nestjs/nest#10483',
    adapter: adapter =>
      alterSpecs(adapter, (spec, { clientName }) =>
        spec.group === undefined || spec.kind === 'requests'
          ? spec
          : { ...spec, group: `${spec.group}-${clientName}` },
      ),
  },
  {
    id: 'groups-compete',
    bug: 'two groups of a topic share its events between them',
    adapter: adapter =>
      alterSpecs(adapter, spec => (spec.group === undefined ? spec : { ...spec, group: 'everybody' })),
  },
  {
    id: 'broadcast-competes',
    bug: 'subscriptions without a group share events between them',
    adapter: adapter => alterSpecs(adapter, spec => ({ ...spec, group: spec.group ?? 'broadcast' })),
  },
  {
    id: 'broadcast-from-the-start',
    bug: 'a subscription without a group gets what was published before it',
    adapter: adapter =>
      alterSpecs(adapter, spec => (spec.group === undefined ? { ...spec, start: 'earliest' } : spec)),
  },
  {
    id: 'broadcast-begins-anew',
    bug: 'a subscription without a group has lost its queue with its link, and begins anew',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        if (sides.spec.group !== undefined) return undefined
        let away = false
        return {
          sink: {
            state(state, cause) {
              if (state === 'reconnecting') away = true
              // What waited comes at once.
              else if (away)
                sides.context.clock.setTimer(10, () => {
                  away = false
                })
              sides.sink.state(state, cause)
            },
            deliver(batch) {
              if (away) sides.subscription.settle(batch.map(delivery => ({ kind: 'ack', delivery })))
              else sides.sink.deliver(batch)
            },
          },
        }
      }),
  },
  {
    id: 'subscribe-resolves-early',
    bug: 'subscribe resolves before the subscription is in place, so the next event is missed',
    seen: 'watermill: publish right after subscribe',
    adapter: adapter =>
      alterBroker(adapter, (broker, { clock }) => ({
        async subscribe(spec, toSink) {
          const inner = new Promise<Subscription>((resolve, reject) => {
            clock.setTimer(20, () => void broker.subscribe(spec, toSink).then(resolve, reject))
          })
          return {
            window: size => void inner.then(subscription => subscription.window(size)),
            settle: batch => void inner.then(subscription => subscription.settle(batch)),
            mark: async deliveries => (await inner).mark(deliveries),
            extend: async (deliveries, lease) => (await inner).extend(deliveries, lease),
            flush: async options => (await inner).flush(options),
            stop: async options => (await inner).stop(options),
            close: async options => (await inner).close(options),
          }
        },
      })),
  },
  {
    id: 'group-forgets-its-position',
    bug: 'a durable group misses what was published while none of its members was connected',
    adapter: adapter =>
      alterBroker(adapter, broker => ({
        async subscribe(spec, toSink) {
          const { group, topic } = spec
          const { ready = 0 } = group === undefined ? {} : await broker.stats({ topic, group })
          let skip = ready
          const skipping = alterSubscriptions(
            { name: '', capabilities: broker.capabilities, connect: async () => broker },
            sides => ({
              sink: {
                deliver(batch) {
                  const missed = batch.slice(0, skip)
                  skip -= missed.length
                  if (missed.length > 0)
                    sides.subscription.settle(missed.map(delivery => ({ kind: 'ack', delivery })))
                  if (missed.length < batch.length) sides.sink.deliver(batch.slice(missed.length))
                },
              },
            }),
          )
          return (await skipping.connect(NO_CONTEXT)).subscribe(spec, toSink)
        },
      })),
  },
  {
    id: 'start-earliest-as-new',
    bug: 'a new group that asked for the earliest event begins with the next one',
    adapter: adapter =>
      alterSpecs(adapter, spec => (spec.start === 'earliest' ? { ...spec, start: 'new' } : spec)),
  },
  {
    id: 'start-new-as-earliest',
    bug: 'a new group begins with the oldest event kept',
    adapter: adapter =>
      alterSpecs(adapter, spec => (spec.start === 'new' ? { ...spec, start: 'earliest' } : spec)),
  },
  {
    id: 'start-time-as-earliest',
    bug: 'a new group that asked for a time gets older events too',
    adapter: adapter =>
      alterSpecs(adapter, spec =>
        typeof spec.start === 'object' && 'time' in spec.start ? { ...spec, start: 'earliest' } : spec,
      ),
  },
  {
    id: 'start-position-off-by-one',
    bug: 'a new group that asked for a position misses the first event from there',
    adapter: adapter =>
      alterSubscriptions(adapter, sides => {
        if (typeof sides.spec.start !== 'object' || !('position' in sides.spec.start)) return undefined
        let first = true
        return {
          sink: {
            deliver(batch) {
              const [head, ...rest] = batch
              if (first && head !== undefined) {
                first = false
                sides.subscription.settle([{ kind: 'ack', delivery: head }])
                if (rest.length > 0) sides.sink.deliver(rest)
              } else sides.sink.deliver(batch)
            },
          },
        }
      }),
  },
  {
    id: 'start-always-again',
    bug: 'an existing group begins again at its start position',
    adapter: adapter => {
      let count = 0
      return alterSpecs(adapter, (spec, { clientName, clock }) =>
        spec.group === undefined || spec.kind === 'requests'
          ? spec
          : { ...spec, group: `${spec.group}-${clientName}-${clock.now()}-${count++}`, start: 'earliest' },
      )
    },
  },
  {
    id: 'slow-subscription-blocks-others',
    bug: 'while one subscription is busy, others of the process get nothing',
    seen: 'watermill#247',
    adapter: adapter => {
      const busy = new Map<object, number>()
      const waiting: { owner: object; run: () => void }[] = []
      const open = () => {
        for (const item of waiting.splice(0)) item.run()
      }
      return alterSubscriptions(adapter, sides => {
        const owner = {}
        const others = () => [...busy].some(([other, count]) => other !== owner && count > 0)
        const deliver = (batch: readonly Delivery[]) => {
          if (others()) waiting.push({ owner, run: () => deliver(batch) })
          else {
            busy.set(owner, (busy.get(owner) ?? 0) + batch.length)
            sides.sink.deliver(batch)
          }
        }
        return {
          sink: {
            deliver,
            settled(batch, result) {
              busy.set(owner, (busy.get(owner) ?? 0) - batch.length)
              sides.sink.settled(batch, result)
              open()
            },
          },
        }
      })
    },
  },
  {
    id: 'closing-one-closes-all',
    bug: 'closing one subscription ends the others of the process',
    adapter: adapter => {
      const open = new Set<() => Subscription>()
      return alterSubscriptions(adapter, sides => {
        const own = () => sides.subscription
        open.add(own)
        return {
          subscription: {
            async close(options) {
              open.delete(own)
              await sides.subscription.close(options)
              for (const other of open) await other().stop(options)
            },
          },
        }
      })
    },
  },
  {
    id: 'leaving-member-keeps-its-share',
    bug: 'a member that left goes on being handed events',
    adapter: adapter =>
      alterSubscriptions(adapter, () => ({ subscription: { stop: async () => {}, close: async () => {} } })),
  },
]

/** `skipping` above only lends its wrapping; its broker is connected already. */
const NO_CONTEXT = {} as never
