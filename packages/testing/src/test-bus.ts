import {
  type AnyEventContract,
  type Bus,
  BusError,
  type BusOptions,
  createBus,
  type InputOf,
  type OutputOf,
} from '@busbar/core'
import { seededRandom, VirtualClock } from '@busbar/core/time'
import { type FaultInjector, MemoryBroker, memory } from '@busbar/memory'
import { invalid, resolveOptions, type TestBusOptions } from './options.ts'
import { fingerprint, pendingWork } from './pending-work.ts'
import { recordedBus } from './recorded-bus.ts'
import { Recorder, select } from './recorder.ts'
import type {
  DeadLetteredRecord,
  DroppedRecord,
  HandledRecord,
  PublishedRecord,
  RecordFilter,
  RetriedRecord,
} from './records.ts'
import { watched } from './watched-adapter.ts'

/** A bus on the embedded broker, whose time moves only when the test says so. Made by {@link createTestBus}. */
export interface TestBus extends AsyncDisposable {
  /** For the code under test. */
  readonly bus: Bus
  readonly clock: VirtualClock
  readonly broker: MemoryBroker
  /** Makes the broker fail on purpose. Client names are the buses' `clientName`, by default `busbar`. */
  readonly faults: FaultInjector
  /** Errors that the buses reported to nobody in particular. */
  readonly errors: readonly BusError[]

  /** Another bus on the same broker and clock, as another process would have; recorded too. */
  connect(options?: Omit<BusOptions, 'clock' | 'random' | 'adapters'>): Promise<Bus>

  /** Lets everything happen that can happen without time passing. Work outside the bus, such as I/O, is not seen. */
  quiescent(): Promise<void>
  /**
   * Moves time by `ms` milliseconds, doing on the way what falls due, each thing at its time.
   * @throws BusError INVALID_OPTIONS for anything but a number of 0 or more
   */
  advance(ms: number): Promise<void>
  /**
   * Moves time until nothing is left to do: all events settled, all retries and delays over, all requests answered.
   * @param limit milliseconds of test time, default one day.
   * @throws BusError DRAIN_TIMEOUT naming what is still to be done, when the limit has passed or time cannot help
   */
  advanceUntilIdle(limit?: number): Promise<void>

  /** Confirmed publishes, oldest first. With a contract: the data of its events, as they were published. */
  published(): readonly PublishedRecord[]
  published<C extends AnyEventContract>(contract: C): readonly InputOf<C>[]
  /** What handlers have handled. With a contract: the data of its events, as handlers got them. */
  handled(): readonly HandledRecord[]
  handled<C extends AnyEventContract>(contract: C, filter?: RecordFilter): readonly OutputOf<C>[]
  /** Failed attempts that are followed by another one. */
  retried(contract?: AnyEventContract, filter?: RecordFilter): readonly RetriedRecord[]
  /** What went into dead-letter queues. */
  deadLettered(contract?: AnyEventContract, filter?: RecordFilter): readonly DeadLetteredRecord[]
  /** What broadcast subscriptions gave up. */
  dropped(contract?: AnyEventContract): readonly DroppedRecord[]
  /** Forgets what was recorded so far, so that a test can look at what comes next. */
  forget(): void

  /** Closes all buses. */
  close(): Promise<void>
}

const DAY = 24 * 3_600_000

/**
 * Connects a test bus.
 * @throws BusError INVALID_OPTIONS, ILLEGAL_NAME or CAPABILITY_UNSUPPORTED, as `createBus`
 */
export async function createTestBus(options: TestBusOptions = {}): Promise<TestBus> {
  const { seed, startAt, broker: brokerOptions, bus: busOptions } = resolveOptions(options)
  const clock = new VirtualClock(startAt)
  const random = seededRandom(seed)
  const { faults } = brokerOptions
  const broker = new MemoryBroker({
    ...brokerOptions,
    ...(faults === undefined ? {} : { faults: { seed, ...faults } }),
    clock,
  })
  const recorder = new Recorder(clock)
  const errors: BusError[] = []
  const buses = new Set<Bus>()

  const connect: TestBus['connect'] = async (more = {}) => {
    const adapter = watched(memory({ broker }), (group, settlement) => recorder.settled(group, settlement))
    const bus = await createBus(adapter, {
      ...recorder.watching(more),
      clock,
      random,
      onError(error, where) {
        errors.push(error)
        more.onError?.(error, where)
      },
    })
    buses.add(bus)
    return recordedBus(bus, recorder.onHandled)
  }

  const quiescent = async () => {
    for (let before = ''; ; ) {
      await clock.settle()
      const now = fingerprint(buses, broker)
      if (now === before) return
      before = now
    }
  }

  const close = async () => {
    await Promise.all([...buses].map(bus => bus.close()))
    buses.clear()
  }

  return {
    bus: await connect(busOptions),
    clock,
    broker,
    faults: broker.faults,
    errors,
    connect,
    quiescent,
    async advance(ms) {
      if (!Number.isFinite(ms) || ms < 0) throw invalid('ms', `${ms} is not allowed`, 'pass 0 or more')
      await clock.advance(ms)
      await quiescent()
    },
    async advanceUntilIdle(limit = DAY) {
      const end = clock.now() + limit
      await quiescent()
      for (let work = pendingWork(buses, broker); work.length > 0; work = pendingWork(buses, broker)) {
        const next = clock.nextDue
        if (next === undefined) throw notIdle('time alone will not change it', work)
        if (next > end) throw notIdle(`it is still so after ${limit} ms`, work)
        await clock.advanceTo(next)
        await quiescent()
      }
    },
    published: (contract?: AnyEventContract) =>
      contract === undefined
        ? [...recorder.published]
        : // biome-ignore lint/suspicious/noExplicitAny: the overloads of TestBus give each call its type.
          select(recorder.published, contract, {}).map(({ event }): any => event.data),
    handled: (contract?: AnyEventContract, filter: RecordFilter = {}) =>
      contract === undefined
        ? [...recorder.handled]
        : // biome-ignore lint/suspicious/noExplicitAny: as above.
          select(recorder.handled, contract, filter).map(({ data }): any => data),
    retried: (contract, filter = {}) => select(recorder.retried, contract, filter),
    deadLettered: (contract, filter = {}) => select(recorder.deadLettered, contract, filter),
    dropped: contract =>
      recorder.dropped.filter(
        ({ topic, type }) =>
          contract === undefined || (topic === contract.topic.name && type === contract.type),
      ),
    forget: () => recorder.clear(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const notIdle = (why: string, work: readonly string[]) =>
  new BusError('DRAIN_TIMEOUT', `the test bus is not idle, and ${why}: ${work.join('; ')}`, {
    remedy:
      'look for a paused subscription, a handler that waits for something the test does not give, or a retry without end',
  })
