import type { Bus, CloudEventInput, PublishOptions, PublishReceipt, Topic, TypedDelivery } from '@busbar/core'

/** The type of the events that most cases send. */
export const ITEM = 'com.example.conformance.item'

/** An event with `id` for its identity and its data, so that a delivery says by itself which one it is. */
export function item(id: string, more: Partial<CloudEventInput> = {}): CloudEventInput {
  return { id, source: '/conformance', type: ITEM, data: { id }, ...more }
}

/** The ids `name-0` to `name-(count - 1)`. */
export function ids(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${name}-${n}`)
}

/** Publishes one event for each id, all at once, and waits for every confirmation. */
export function publishItems(
  bus: Bus,
  topic: Topic | string,
  names: readonly string[],
  options?: PublishOptions,
): Promise<PublishReceipt[]> {
  return Promise.all(names.map(id => bus.publish(topic, item(id), options)))
}

export const idOf = (delivery: TypedDelivery): string => delivery.event.id

/** A copy in a stable order, to compare what may arrive in any. */
export const sorted = (names: Iterable<string>): string[] => [...names].sort()

const LAST = 'last-'
/** The id of an event that only shows that those before it have been through. */
export const lastId = (n: number): string => `${LAST}${n}`
export const isLast = (id: string): boolean => id.startsWith(LAST)
