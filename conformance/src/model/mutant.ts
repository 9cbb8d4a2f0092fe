import type { Bus, BusOptions } from '@busbar/core'
import type { Adapter } from '@busbar/core/adapter'

/** A deliberately broken adapter (or, for what core does above adapters, a broken bus): a case that none of them fails proves nothing. */
export interface Mutant {
  readonly id: string
  /** The bug, as one would find it in a code review. */
  readonly bug: string
  /** Where a bug like it was seen. */
  readonly seen?: string
  /** Breaks what the adapter does. */
  readonly adapter?: (adapter: Adapter) => Adapter
  /** Breaks what the bus is told. */
  readonly options?: (options: BusOptions) => BusOptions
  /** Breaks what the bus does. */
  readonly bus?: (bus: Bus) => Bus
}
