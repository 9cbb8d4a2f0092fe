import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, headers } from '@nats-io/transport-node'
import { ATTRIBUTES, body, type Connection, type Peer } from './peer.ts'

/** nats.js: JetStream publishes, a pull consumer by callback, core requests. */
export const natsPeer = (url: string): Peer => ({
  name: 'nats.js',
  async open(destination): Promise<Connection> {
    const connection = await connect({ servers: url, noAsyncTraces: true })
    const manager = await jetstreamManager(connection)
    const stream = `RAW-${destination}`
    const subject = `raw.${destination}`
    await manager.streams.add({ name: stream, subjects: [subject] })
    await manager.consumers.add(stream, {
      durable_name: 'bench',
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 4_000,
    })
    const js = jetstream(connection)
    const carried = headers()
    for (const [name, value] of Object.entries(ATTRIBUTES)) carried.set(`ce-${name}`, value)
    return {
      publish: () => js.publish(subject, body(), { headers: carried, timeout: 30_000 }),
      async consume(count) {
        const done = Promise.withResolvers<void>()
        let seen = 0
        const consumer = await js.consumers.get(stream, 'bench')
        const messages = await consumer.consume({
          max_messages: 4_000,
          callback: message => {
            message.json()
            message.ack()
            if (++seen === count) done.resolve()
          },
        })
        await done.promise
        await messages.close()
        await connection.flush()
      },
      async respond() {
        connection.subscribe(`${subject}.ask`, {
          queue: 'bench',
          callback: (_error, message) => {
            message.respond(JSON.stringify(message.json()))
          },
        })
        await connection.flush()
      },
      ask: async () =>
        (await connection.request(`${subject}.ask`, body(), { timeout: 10_000, headers: carried })).json(),
      async close() {
        await manager.streams.delete(stream)
        await connection.close()
      },
    }
  },
})
