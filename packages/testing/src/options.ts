import { BusError, type BusOptions } from '@busbar/core'
import type { MemoryBrokerOptions } from '@busbar/memory'

/** Options of `createTestBus`: those of a bus, without clock and randomness, which the test bus brings. */
export interface TestBusOptions extends Omit<BusOptions, 'clock' | 'random' | 'adapters'> {
  /** Makes ids, jitter and faults repeatable. A whole number; default 1. */
  readonly seed?: number
  /** What the clock shows at first: a Date, or milliseconds since the epoch. Default 2026-01-01T00:00:00Z. */
  readonly startAt?: Date | number
  /** Limits and planned faults of the embedded broker. Its clock is the test's. */
  readonly broker?: Omit<MemoryBrokerOptions, 'clock'>
}

const DEFAULT_START = Date.UTC(2026, 0, 1)

/** What the test bus itself takes; all else goes on to `createBus`. */
export interface ResolvedOptions {
  readonly seed: number
  /** Milliseconds since the epoch. */
  readonly startAt: number
  readonly broker: Omit<MemoryBrokerOptions, 'clock'>
  readonly bus: BusOptions
}

/** @throws BusError INVALID_OPTIONS */
export function resolveOptions(options: TestBusOptions): ResolvedOptions {
  const { seed = 1, startAt = DEFAULT_START, broker = {}, ...bus } = options
  for (const name of ['clock', 'random', 'adapters']) {
    if (name in bus)
      throw invalid(name, 'is what the test bus brings itself', `leave it out${INSTEAD[name] ?? ''}`)
  }
  if ('clock' in broker) throw invalid('broker.clock', 'is always that of the test', 'leave it out')
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw invalid('seed', `${String(seed)} is not allowed`, 'pass a whole number of 0 or more')
  }
  const start = startAt instanceof Date ? startAt.getTime() : startAt
  if (!Number.isFinite(start)) throw invalid('startAt', 'is not a time', 'pass a valid Date or milliseconds')
  return { seed, startAt: start, broker, bus }
}

const INSTEAD: Readonly<Record<string, string>> = {
  clock: ', use startAt and test.clock',
  random: ', use seed',
}

export function invalid(field: string, problem: string, remedy: string): BusError {
  return new BusError('INVALID_OPTIONS', `test bus: ${field}: ${problem}`, { field, remedy })
}
