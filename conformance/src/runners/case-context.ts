import { type Bus, type BusOptions, createBus } from '@busbar/core'
import type { Adapter, Capabilities } from '@busbar/core/adapter'
import { seededRandom, systemClock } from '@busbar/core/time'
import type { CaseContext } from '../model/case.ts'
import type { Environment } from '../model/harness.ts'
import type { RawClient } from '../model/raw-client.ts'
import type { Visitors } from '../model/visitors.ts'
import { namedFaults } from './named-faults.ts'
import { type Patience, realWaiting, virtualWaiting } from './waiting.ts'

/** What the runner may put between a case and the adapter: a mutant, or a manifest that claims more. */
export interface Alterations {
  readonly adapter?: (adapter: Adapter) => Adapter
  readonly options?: (options: BusOptions) => BusOptions
  readonly bus?: (bus: Bus) => Bus
}

export interface OpenCase {
  readonly context: CaseContext
  /** Closes every bus that the case opened. Rejects when one does not close in time, or with an error. */
  close(): Promise<void>
}

export interface CaseContextOptions {
  readonly environment: Environment
  readonly capabilities: Capabilities
  readonly prefix: string
  readonly seed: number
  readonly signal: AbortSignal
  readonly alterations: Alterations
  readonly patience: Patience
}

/** Time a bus has to close, in milliseconds of the case's clock. A cut link must not hold it up. */
const CLOSE_LIMIT = 60_000
const CLOSE_LIMIT_REAL = 15_000

const NO_RAW_CLIENT: RawClient = {
  send: () => Promise.reject(new Error('this harness has no raw client: say `raw` in the case')),
  listen: () => Promise.reject(new Error('this harness has no raw client: say `raw` in the case')),
}

const NO_VISITORS: Visitors = {
  secret: '',
  adapter: () => Promise.reject(new Error('this harness has no visitors: say `visitors` in the case')),
}

/** Makes what one run of a case works with. */
export function openCase(options: CaseContextOptions): OpenCase {
  const { environment, prefix, signal, alterations } = options
  const waiting = environment.time
    ? virtualWaiting(environment.time, signal, options.patience)
    : realWaiting(signal)
  const random = seededRandom(options.seed)
  const buses: Bus[] = []
  const opening: Promise<unknown>[] = []
  const backgroundErrors: unknown[] = []
  const logged: { level: 'info' | 'warn' | 'error'; message: string }[] = []
  const fullName = (client: string) => `${prefix}-${client}`
  const caseFaults = namedFaults(environment.faults, fullName)
  let clients = 0
  let closed = false

  async function open(name: string, given: BusOptions, other: Adapter | undefined): Promise<Bus> {
    const adapter = other ?? environment.adapter({ client: fullName(name) })
    const busOptions: BusOptions = {
      prefix,
      // A clock object of its own makes each bus a process of its own to core: suspects of one do not wait for handlers of another.
      clock: waiting.clock === systemClock ? { ...systemClock } : waiting.clock,
      random,
      clientName: fullName(name),
      logger: {
        debug() {},
        info: message => void logged.push({ level: 'info', message }),
        warn: message => void logged.push({ level: 'warn', message }),
        error: message => void logged.push({ level: 'error', message }),
      },
      onError: error => void backgroundErrors.push(error),
      ...given,
    }
    await caseFaults.admit(name)
    const bus = await createBus(
      alterations.adapter?.(adapter) ?? adapter,
      alterations.options?.(busOptions) ?? busOptions,
    )
    buses.push(bus)
    if (closed) await bus.close()
    return alterations.bus?.(bus) ?? bus
  }

  const context: CaseContext = {
    capabilities: options.capabilities,
    clock: waiting.clock,
    random,
    prefix,
    bus({ client, adapter, ...given } = {}) {
      clients++
      const bus = open(client ?? `client-${clients}`, given, adapter)
      opening.push(bus.catch(() => {}))
      // Connecting may take virtual time; a plain `await t.bus()` lets it pass.
      return waiting.within(bus, 'createBus')
    },
    until: waiting.until,
    within: waiting.within,
    pass: waiting.pass,
    faults: caseFaults.faults,
    raw: environment.raw?.(prefix) ?? NO_RAW_CLIENT,
    visitors: environment.visitors ?? NO_VISITORS,
    backgroundErrors,
    logged,
    signal,
  }

  return {
    context,
    async close() {
      closed = true
      // The case's signal may have aborted; closing has a limit of its own.
      const own = new AbortController()
      const closing = environment.time
        ? virtualWaiting(environment.time, own.signal, options.patience)
        : realWaiting(own.signal)
      const limit = environment.time ? CLOSE_LIMIT : CLOSE_LIMIT_REAL
      const guard = setTimeout(() => own.abort(), CLOSE_LIMIT_REAL)
      try {
        const all = Promise.all(opening).then(() => Promise.all(buses.map(bus => bus.close())))
        await closing.within(all, 'closing the buses of the case', limit)
      } finally {
        clearTimeout(guard)
      }
    },
  }
}
