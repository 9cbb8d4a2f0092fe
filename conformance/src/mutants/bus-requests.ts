import type { Mutant } from '../model/mutant.ts'
import { alterBus, without } from '../wrap/bus.ts'

type Request = (contract: unknown, input: unknown, options?: Record<string, unknown>) => Promise<unknown>
type Respond = (
  contract: unknown,
  options: unknown,
  responder: (request: never) => unknown,
) => Promise<unknown>

const requesting =
  (change: (request: Request) => Request): NonNullable<Mutant['bus']> =>
  bus =>
    alterBus(bus, { request: change(bus.request.bind(bus) as unknown as Request) })

const responding =
  (change: (respond: Respond) => Respond): NonNullable<Mutant['bus']> =>
  bus =>
    alterBus(bus, { respond: change(bus.respond.bind(bus) as unknown as Respond) })

export const busRequestMutants: readonly Mutant[] = [
  {
    id: 'bus-request-errors-untyped',
    bug: 'a failed request rejects with an error that has no code',
    bus: requesting(
      request => (contract, input, options) =>
        request(contract, input, options).catch((error: unknown) => {
          throw new Error(String(error))
        }),
    ),
  },
  {
    id: 'bus-request-timeout-ignored',
    bug: 'a request waits far longer than its timeout',
    bus: requesting(
      request => (contract, input, options) =>
        request(contract, input, { ...options, timeout: 1_000 * Number(options?.timeout ?? 10_000) }),
    ),
  },
  {
    id: 'bus-request-signal-ignored',
    bug: 'a request cannot be aborted',
    bus: requesting(
      request => (contract, input, options) =>
        request(contract, input, options && without(options, 'signal')),
    ),
  },
  {
    id: 'bus-request-retried',
    bug: 'a request that failed is sent again',
    bus: requesting(
      request => (contract, input, options) =>
        request(contract, input, options).catch(() => request(contract, input, options)),
    ),
  },
  {
    id: 'bus-request-sent-twice',
    bug: 'every request is sent twice',
    bus: requesting(request => (contract, input, options) => {
      request(contract, input, options).catch(() => {})
      return request(contract, input, options)
    }),
  },
  {
    id: 'bus-request-attributes-ignored',
    bug: 'attributes and headers given to a request are ignored',
    bus: requesting(
      request => (contract, input, options) =>
        request(contract, input, options && without(options, 'attributes', 'headers')),
    ),
  },
  {
    id: 'bus-responder-errors-swallowed',
    bug: 'a responder that throws answers with nothing',
    bus: responding(
      respond => (contract, options, responder) =>
        respond(contract, options, async (request: never) => {
          try {
            return await responder(request)
          } catch {
            return undefined
          }
        }),
    ),
  },
  {
    id: 'bus-responder-hides-failures',
    bug: 'a declared failure reaches the requester as an unknown one',
    bus: responding(
      respond => (contract, options, responder) =>
        respond(contract, options, async (request: never) => {
          try {
            return await responder(request)
          } catch (error) {
            throw new Error(String(error))
          }
        }),
    ),
  },
  {
    id: 'bus-responder-serial',
    bug: 'a responder answers one request at a time',
    bus: responding(
      respond => (contract, options, responder) =>
        respond(contract, { ...(options as object), concurrency: 1 }, responder),
    ),
  },
  {
    id: 'bus-responder-never-aborted',
    bug: 'a responder is not told that its requester gave up',
    bus: responding(
      respond => (contract, options, responder) =>
        respond(contract, options, ((request: Record<string, unknown>) =>
          responder({ ...request, signal: new AbortController().signal } as never)) as never),
    ),
  },
]
