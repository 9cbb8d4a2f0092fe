import { createBus, request } from '@busbar/core'
import { anyData } from '../any-data.ts'
import type { Case } from '../measure.ts'
import { nullSource } from './null-adapter.ts'
import { order } from './sample.ts'

const REQUESTS = 10_000

const Ask = request('com.example.orders.quote', { topic: 'orders', input: anyData, output: anyData })

/** `askers` at a time, each waiting for its reply before it asks again; requester and responder in one process. */
const asking = (askers: number): Case => ({
  group: 'request-reply, core alone',
  name: `${askers} askers`,
  events: REQUESTS,
  async prepare() {
    const bus = await createBus(nullSource().adapter, { source: '/services/orders' })
    await bus.respond(Ask, { group: 'bench', concurrency: 1_000 }, ({ input }) => input)
    let left = REQUESTS
    const loop = async () => {
      while (left-- > 0) await bus.request(Ask, order)
    }
    return {
      run: async () => void (await Promise.all(Array.from({ length: askers }, loop))),
      end: () => bus.close(),
    }
  },
})

export const requestCases: readonly Case[] = [1, 64].map(asking)
