import type { TypedDelivery } from '@busbar/core'
import type { CaseContext } from '../../model/case.ts'

/** What a handler was given, in order of arrival, redeliveries included. */
export interface Witness {
  readonly deliveries: readonly TypedDelivery[]
  /** When each handler started, in milliseconds of the case's clock. */
  readonly times: readonly number[]
  /** Event ids in order of arrival. */
  readonly ids: readonly string[]
  /** How many starts an event had. */
  starts(id: string): number
  /** The handler: records the delivery, then does what `then` says. */
  readonly handle: (delivery: TypedDelivery) => unknown
}

/** A handler that records, and acks unless `then` says otherwise. */
export function witness(t: CaseContext, then?: (delivery: TypedDelivery) => unknown): Witness {
  const deliveries: TypedDelivery[] = []
  const times: number[] = []
  return {
    deliveries,
    times,
    get ids() {
      return deliveries.map(d => d.event.id)
    },
    starts: id => deliveries.filter(d => d.event.id === id).length,
    handle: delivery => {
      deliveries.push(delivery)
      times.push(t.clock.now())
      return then?.(delivery)
    },
  }
}

/** A handler that fails its first `failures` attempts at each event, and succeeds after. */
export function failing(t: CaseContext, failures: number): Witness {
  return witness(t, delivery => {
    if (delivery.attempt <= failures) throw new Error(`attempt ${delivery.attempt} fails`)
  })
}
