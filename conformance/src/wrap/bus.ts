import type { Bus, BusSubscription } from '@busbar/core'
import { overlay } from './overlay.ts'

/** A handler's delivery, as far as mutants look at it. */
export interface Handled {
  readonly event: { readonly id: string; readonly [attribute: string]: unknown }
  readonly [member: string]: unknown
}

type Handle = (delivery: Handled) => unknown
type Consume = (
  target: unknown,
  options: Record<string, unknown>,
  handler: (given: never) => unknown,
) => Promise<BusSubscription>

/** Replaces members of a bus. Typed loosely: a mutant need not satisfy every overload, only be called as they are. */
export function alterBus(bus: Bus, members: Partial<Record<keyof Bus, unknown>>): Bus {
  return overlay(bus, members as Partial<Bus>)
}

/** Stands around each handler of single events. */
export function alterHandlers(bus: Bus, change: (handler: Handle) => Handle): Bus {
  const subscribe = bus.subscribe.bind(bus) as unknown as Consume
  return alterBus(bus, {
    subscribe: (target: unknown, options: Record<string, unknown>, handler: Handle) =>
      subscribe(target, options, change(handler)),
  })
}

/** Changes what each handler of single events is given. */
export function alterHandled(bus: Bus, change: (delivery: Handled) => Record<string, unknown>): Bus {
  return alterHandlers(bus, handler => delivery => handler(overlay(delivery, change(delivery))))
}

/** Changes the options of `subscribe`, `subscribeBatch` and `stream`. */
export function alterConsumeOptions(
  bus: Bus,
  change: (options: Record<string, unknown>) => Record<string, unknown>,
): Bus {
  const subscribe = bus.subscribe.bind(bus) as unknown as Consume
  const subscribeBatch = bus.subscribeBatch.bind(bus) as unknown as Consume
  const stream = bus.stream.bind(bus) as unknown as (
    target: unknown,
    options: Record<string, unknown>,
  ) => unknown
  return alterBus(bus, {
    subscribe: (target: unknown, options: Record<string, unknown>, handler: Handle) =>
      subscribe(target, change(options), handler),
    subscribeBatch: (target: unknown, options: Record<string, unknown>, handler: Handle) =>
      subscribeBatch(target, change(options), handler),
    stream: (target: unknown, options: Record<string, unknown>) => stream(target, change(options)),
  })
}

/** Replaces members of what `subscribe` and `subscribeBatch` give back. */
export function alterSubscribed(
  bus: Bus,
  change: (subscription: BusSubscription) => Partial<BusSubscription>,
): Bus {
  const subscribe = bus.subscribe.bind(bus) as unknown as Consume
  const subscribeBatch = bus.subscribeBatch.bind(bus) as unknown as Consume
  const around =
    (consume: Consume): Consume =>
    async (target, options, handler) => {
      const subscription = await consume(target, options, handler)
      return overlay(subscription, change(subscription))
    }
  return alterBus(bus, { subscribe: around(subscribe), subscribeBatch: around(subscribeBatch) })
}

/** Without one of its options. */
export function without(
  options: Record<string, unknown>,
  ...names: readonly string[]
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)))
}
