import { type Bus, type BusError, type BusOptions, type CloudEventInput, createBus } from '@busbar/core'
import type { Delivery } from '@busbar/core/adapter'
import { encodeEvent } from '@busbar/core/cloudevents'
import { seededRandom, VirtualClock } from '@busbar/core/time'
import { MemoryBroker, type MemoryBrokerOptions, memory } from '@busbar/memory'
import { onTestFinished } from 'vitest'
import {
  type Script,
  type ScriptedBroker,
  type ScriptedSubscription,
  scriptedAdapter,
} from './scripted-broker.ts'

export interface World {
  readonly bus: Bus
  readonly clock: VirtualClock
  /** What went to `onError`, in order. */
  readonly errors: BusError[]
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Closes the bus when the test ends, moving its clock until it has closed. */
function closeAfterTest({ bus, clock }: World): void {
  onTestFinished(async () => {
    let closed = false
    void bus.close().finally(() => {
      closed = true
    })
    await clock.advance(5_000)
    if (!closed) throw new Error('the bus did not close within 5 seconds')
  })
}

/** A bus on the embedded broker, in virtual time. */
export async function memoryWorld(
  options: BusOptions = {},
  broker: MemoryBroker | MemoryBrokerOptions = {},
): Promise<World & { readonly broker: MemoryBroker }> {
  const clock = (options.clock as VirtualClock | undefined) ?? new VirtualClock()
  const errors: BusError[] = []
  const shared = broker instanceof MemoryBroker ? broker : new MemoryBroker(broker)
  const bus = await createBus(memory({ broker: shared }), {
    clock,
    random: seededRandom(7),
    source: '/test',
    logger: silent,
    onError: error => errors.push(error),
    ...options,
  })
  const world = { bus, clock, errors, broker: shared }
  closeAfterTest(world)
  return world
}

/** A bus on a broker whose answers the test gives. */
export async function scriptedWorld(
  script: Script = {},
  options: BusOptions = {},
): Promise<World & { readonly broker: ScriptedBroker; readonly only: ScriptedSubscription }> {
  const clock = new VirtualClock()
  const errors: BusError[] = []
  const { adapter, broker } = scriptedAdapter(script)
  const bus = await createBus(adapter, {
    clock,
    random: seededRandom(7),
    source: '/test',
    logger: silent,
    onError: error => errors.push(error),
    ...options,
  })
  const world = {
    bus,
    clock,
    errors,
    broker,
    /** The first subscription, which need not be open yet. */
    only: broker.first,
  }
  closeAfterTest(world)
  return world
}

let nextId = 0

export const plain = (id = `e-${++nextId}`, more: Partial<CloudEventInput> = {}): CloudEventInput => ({
  id,
  source: '/test',
  type: 'com.example.test',
  data: { id },
  ...more,
})

/** A delivery as an adapter hands it to core. */
export const delivery = (
  id: string,
  more: Partial<Delivery> = {},
  event: Partial<CloudEventInput> = {},
): Delivery => ({
  topic: 'orders',
  envelope: encodeEvent(plain(id, event)),
  failures: 0,
  marks: 0,
  redeliveries: 0,
  lane: '0',
  ...more,
})

export interface Gate<T = void> {
  readonly promise: Promise<T>
  open(value: T): void
  fail(error: unknown): void
}

/** A promise that the test settles. */
export function gate<T = void>(): Gate<T> {
  let open!: (value: T) => void
  let fail!: (error: unknown) => void
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

/** Watches a promise without waiting for it. */
export function watch<T>(promise: Promise<T>) {
  const seen: { state: 'pending' | 'resolved' | 'rejected'; value?: T; error?: BusError } = {
    state: 'pending',
  }
  promise.then(
    value => {
      seen.state = 'resolved'
      seen.value = value
    },
    error => {
      seen.state = 'rejected'
      seen.error = error as BusError
    },
  )
  return seen
}

export const never = <T>(): Promise<T> => new Promise(() => {})
