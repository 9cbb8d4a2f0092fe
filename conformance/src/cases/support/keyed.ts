import assert from 'node:assert/strict'
import type { Bus, Topic } from '@busbar/core'
import { item } from './items.ts'
import type { Recorder } from './recorder.ts'

/** An event of an ordered topic: the id is its key and its number within the key. */
export interface KeyedItem {
  readonly key: string
  readonly id: string
}

/** `count` events of each of `keys` keys, the keys taking turns. */
export function keyedItems(keys: number, count: number, name = 'key'): KeyedItem[] {
  const key = (k: number) => (keys === 1 ? name : `${name}${k}`)
  return Array.from({ length: count }, (_, n) =>
    Array.from({ length: keys }, (_, k) => ({ key: key(k), id: `${key(k)}-${n}` })),
  ).flat()
}

/** Publishes without waiting in between, as a busy service does: keeping the order is the bus's business. */
export async function publishKeyed(bus: Bus, topic: Topic, events: readonly KeyedItem[]): Promise<void> {
  await Promise.all(events.map(({ id, key }) => bus.publish(topic, item(id), { key })))
}

export const keyOf = (id: string): string => id.slice(0, id.lastIndexOf('-'))
export const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf('-') + 1))

/**
 * Each key's events started in publish order. With `repeats`, an event may come again (and those after it too), but
 * none starts for the first time before its predecessor did.
 */
export function assertKeyOrder(seen: Recorder, { repeats = false } = {}): void {
  const highest = new Map<string, number>()
  for (const { event } of seen.deliveries) {
    const key = keyOf(event.id)
    const n = numberOf(event.id)
    const before = highest.get(key)
    if (before !== undefined) {
      const inOrder = repeats ? n <= before + 1 : n > before
      assert.ok(inOrder, `${event.id} started after ${key}-${before}`)
    }
    highest.set(key, Math.max(n, before ?? n))
  }
}
