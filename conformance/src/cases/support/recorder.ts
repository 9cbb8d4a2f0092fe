import assert from 'node:assert/strict'
import type { TypedDelivery } from '@busbar/core'
import { idOf, isLast, sorted } from './items.ts'

/**
 * Notes how handlers start and end: how often for each event, and how many ran at the same time. The last event of
 * `quiet` is only noted as done.
 */
export interface Recorder {
  /** One entry for each handler start, in order. */
  readonly deliveries: readonly TypedDelivery[]
  /** Ids whose handler ended without an error, in order. */
  readonly done: readonly string[]
  /** Handlers that run now, and the most there ever were. */
  readonly running: number
  readonly peak: number
  readonly handler: (delivery: TypedDelivery) => Promise<void>
  /** One id for each handler start, in order. */
  ids(): string[]
  /** How often a handler started for the event `id`. */
  starts(id: string): number
  /** Every event of `expected` was started exactly once, and no other. */
  assertExactly(expected: Iterable<string>, message?: string): void
}

/** @param react what the handler does; `start` is 1 on the first start for this event as the recorder saw it. */
export function recorder(
  react: (delivery: TypedDelivery, start: number) => unknown = () => undefined,
): Recorder {
  const deliveries: TypedDelivery[] = []
  const done: string[] = []
  const starts = new Map<string, number>()
  let running = 0
  let peak = 0
  return {
    deliveries,
    done,
    get running() {
      return running
    },
    get peak() {
      return peak
    },
    async handler(delivery) {
      const id = idOf(delivery)
      if (isLast(id)) {
        done.push(id)
        return
      }
      const start = (starts.get(id) ?? 0) + 1
      deliveries.push(delivery)
      starts.set(id, start)
      running++
      peak = Math.max(peak, running)
      try {
        await react(delivery, start)
        done.push(id)
      } finally {
        running--
      }
    },
    ids: () => deliveries.map(idOf),
    starts: id => starts.get(id) ?? 0,
    assertExactly(expected, message) {
      assert.deepEqual(sorted(deliveries.map(idOf)), sorted(expected), message)
    },
  }
}
