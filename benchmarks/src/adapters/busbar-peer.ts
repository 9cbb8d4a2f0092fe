import { createBus, request } from '@busbar/core'
import { anyData } from '../any-data.ts'
import { ATTRIBUTES, type Connection, DATA, type Peer } from './peer.ts'

/** Busbar over the broker at `url`: whole events, raw topics, nothing validated that the raw side does not. */
export const busbarPeer = (url: string, mode: 'binary' | 'structured'): Peer => ({
  name: 'busbar',
  async open(destination): Promise<Connection> {
    const bus = await createBus(url, { source: '/bench', mode })
    const group = await bus.subscribe(destination, { group: 'bench' }, () => {})
    await group.close()
    const event = { ...ATTRIBUTES, datacontenttype: 'application/json', data: DATA }
    const Ask = request('com.example.bench.ask', {
      topic: `${destination}-ask`,
      input: anyData,
      output: anyData,
    })
    let id = 0
    return {
      publish: () => bus.publish(destination, { ...event, id: String(++id) }),
      async consume(count) {
        const done = Promise.withResolvers<void>()
        let seen = 0
        const options = { group: 'bench', concurrency: 1_000, prefetch: 4_000 }
        const subscription = await bus.subscribe(destination, options, () => {
          if (++seen === count) done.resolve()
        })
        await done.promise
        await subscription.drain()
      },
      async respond() {
        await bus.respond(Ask, { group: 'bench', concurrency: 1_000 }, ({ input }) => input)
      },
      ask: () => bus.request(Ask, DATA),
      close: () => bus.close(),
    }
  },
})
