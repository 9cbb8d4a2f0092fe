import { type AnyEventContract, createBus, type TypedDelivery } from '@busbar/core'
import type { Delivery } from '@busbar/core/adapter'
import { encodeEvent } from '@busbar/core/cloudevents'
import { memory } from '@busbar/memory'
import type { Case } from '../measure.ts'
import { nullSource } from './null-adapter.ts'
import { attributes, Checked, order, orders, Plain } from './sample.ts'

const EVENTS = 20_000

type Kind = 'sync' | 'async'

/** Handlers that look at their data, as handlers do. */
const handlerOf = (kind: Kind, seen: (data: unknown) => void) =>
  kind === 'sync'
    ? ({ data }: TypedDelivery) => seen(data)
    : async ({ data }: TypedDelivery) => {
        await Promise.resolve()
        seen(data)
      }

const nameOf = (kind: Kind, contract: AnyEventContract) =>
  `${kind} handler${contract === Checked ? ', schema' : ''}`

const prepared = (): readonly Delivery[] => {
  const envelope = encodeEvent({ ...attributes, data: order })
  return Array.from({ length: EVENTS }, () => ({
    topic: 'orders',
    envelope,
    failures: 0,
    marks: 0,
    redeliveries: 0,
    lane: '0',
  }))
}

const dispatching = (kind: Kind, contract: AnyEventContract): Case => ({
  group: 'dispatch, core alone',
  name: nameOf(kind, contract),
  events: EVENTS,
  async prepare() {
    const source = nullSource()
    const bus = await createBus(source.adapter)
    let handled = 0
    await bus.subscribe(
      contract,
      { group: 'bench', concurrency: 64, prefetch: 1_000 },
      handlerOf(kind, data => {
        if (data !== undefined) handled++
      }),
    )
    const deliveries = prepared()
    return {
      run: () => source.deliver(deliveries),
      async end() {
        if (handled !== EVENTS) throw new Error(`bench: ${handled} of ${EVENTS} events were handled`)
        await bus.close()
      },
    }
  },
})

const dispatchingFromMemory = (kind: Kind, contract: AnyEventContract): Case => ({
  group: 'dispatch, memory',
  name: nameOf(kind, contract),
  events: EVENTS,
  async prepare() {
    const bus = await createBus(memory())
    let handled = 0
    let done = () => {}
    const subscription = await bus.subscribe(
      contract,
      { group: 'bench', concurrency: 64, prefetch: 1_000 },
      handlerOf(kind, () => {
        if (++handled === EVENTS) done()
      }),
    )
    subscription.pause()
    await bus.publishBatch(
      Array.from({ length: EVENTS }, (_, i) => ({
        topic: orders,
        event: { ...attributes, id: `order-${i}`, data: order },
      })),
    )
    return {
      run: () =>
        new Promise(resolve => {
          done = resolve
          subscription.resume()
        }),
      end: () => bus.close(),
    }
  },
})

const kinds: readonly (readonly [Kind, AnyEventContract])[] = [
  ['sync', Plain],
  ['async', Plain],
  ['sync', Checked],
  ['async', Checked],
]

export const dispatchCases: readonly Case[] = [
  ...kinds.map(([kind, contract]) => dispatching(kind, contract)),
  ...kinds.map(([kind, contract]) => dispatchingFromMemory(kind, contract)),
]
